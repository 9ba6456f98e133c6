package import Bytes

/// Deadlines of many things at little cost, to the nearest tick.
///
/// The wheel only ever says "look at this token now". Whoever owns the token compares with its own
/// deadline and schedules again when it has moved. So a connection that is busy moves its deadline
/// with every request and touches the wheel once a rotation, not once a request.
package struct TimerWheel {
    /// 2^24 ns, about 17 ms: fine enough for time-outs of tenths of a second, coarse enough that an
    /// idle server sleeps.
    package static let tick = TimeSpan(nanoseconds: 1 << 24)
    private static let tickShift: Int64 = 24
    /// One rotation is about 8.6 s. What lies further ahead is looked at once per rotation.
    private static let slotCount = 512

    private var slots: [[UInt64]]
    private var due: [UInt64] = []
    private var scheduled = 0
    private var currentTick: Int64

    package init(now: Instant) {
        slots = Array(repeating: [], count: TimerWheel.slotCount)
        currentTick = now.nanoseconds >> TimerWheel.tickShift
    }

    /// Tokens in the wheel.
    package var count: Int { scheduled }

    /// Asks for a look at `token` when `deadline` has passed, or up to a rotation from now when the
    /// deadline lies beyond that.
    /// - Returns: when that look will be.
    package mutating func schedule(_ token: Token, at deadline: Instant) -> Instant {
        let deadlineTick = (deadline.nanoseconds >> TimerWheel.tickShift) &+ 1
        let farthest = currentTick + Int64(TimerWheel.slotCount) - 1
        let place = max(currentTick + 1, min(deadlineTick, farthest))
        slots[slot(place)].append(token.bits)
        scheduled += 1
        return Instant(nanoseconds: place << TimerWheel.tickShift)
    }

    /// When the next look is due; nil when nothing is scheduled.
    package func nextLook() -> Instant? {
        guard scheduled > 0 else { return nil }
        for ahead in 1...Int64(TimerWheel.slotCount)
        where !slots[slot(currentTick + ahead)].isEmpty {
            return Instant(nanoseconds: (currentTick + ahead) << TimerWheel.tickShift)
        }
        return nil
    }

    /// Moves on to `now`; afterwards `takeDue` hands out every token whose time has come.
    package mutating func advance(to now: Instant) {
        let target = now.nanoseconds >> TimerWheel.tickShift
        let last = min(target, currentTick + Int64(TimerWheel.slotCount))
        while currentTick < last {
            currentTick += 1
            let place = slot(currentTick)
            guard !slots[place].isEmpty else { continue }
            due.append(contentsOf: slots[place])
            scheduled -= slots[place].count
            slots[place].removeAll(keepingCapacity: true)
        }
        currentTick = max(currentTick, target)
    }

    /// The next token that is due; nil when there is none left.
    package mutating func takeDue() -> Token? {
        due.popLast().map(Token.init(bits:))
    }

    private func slot(_ tick: Int64) -> Int {
        Int(tick & Int64(TimerWheel.slotCount - 1))
    }
}
