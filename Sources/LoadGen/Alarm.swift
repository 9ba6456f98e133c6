package import Bytes

/// Wakes a thread in time for its next send.
///
/// A processor that sleeps takes a while to wake, tens of microseconds on a virtual machine, and
/// the kernel's timer cannot know. So the thread asks to be woken earlier by what waking has lately
/// taken, and watches the clock for the rest. Where it has to be watched all the time, sends follow
/// each other so closely that the next answer wakes the thread anyway.
package struct Alarm: Equatable, Sendable {
    /// Waking never takes that much of an idle machine, and watching longer would not help a busy
    /// one.
    package static let lead = TimeSpan.microseconds(80)
    /// Weight of the newest wake-up.
    private static let weight = 1.0 / 16

    /// Mean and mean deviation of how late wake-ups came, in nanoseconds.
    private var mean = 20_000.0
    private var deviation = 5_000.0
    /// Time spent watching the clock with nothing to do.
    package private(set) var watched = TimeSpan(nanoseconds: 0)

    package init() {}

    /// How much earlier than wanted to ask for the wake-up.
    package var margin: TimeSpan {
        TimeSpan(
            nanoseconds: min(Alarm.lead.nanoseconds, Int64(mean + 3 * deviation)))
    }

    /// How long to sleep, when the next send is `span` away; 0 is to watch the clock.
    package func wait(for span: TimeSpan) -> TimeSpan {
        max(TimeSpan(nanoseconds: 0), span - margin)
    }

    /// A wait is over.
    /// - Parameters:
    ///   - asked: how far away the next send was.
    ///   - isEmpty: whether it ended by itself; what answers end tells nothing of timers.
    package mutating func note(_ asked: TimeSpan, took: TimeSpan, isEmpty: Bool) {
        guard isEmpty else { return }
        let slept = wait(for: asked)
        guard slept.nanoseconds > 0 else {
            watched = watched + took
            return
        }
        // What a busy machine took away for long says nothing of the next time.
        let late = min(2 * Double(Alarm.lead.nanoseconds), Double((took - slept).nanoseconds))
        let distance = late - mean
        mean += distance * Alarm.weight
        deviation += (distance.magnitude - deviation) * Alarm.weight
    }
}
