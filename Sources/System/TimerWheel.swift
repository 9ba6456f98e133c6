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
    private static let tickCount = 512

    /// Tokens by the tick of their look, modulo the rotation.
    private var ticks: [[UInt64]]
    private var due: [UInt64] = []
    private var scheduled = 0
    private var currentTick: Int64
    /// No tick before this one holds a token; only `advance` moves it on.
    private var earliestTick: Int64

    package init(now: Instant) {
        ticks = Array(repeating: [], count: TimerWheel.tickCount)
        currentTick = now.nanoseconds >> TimerWheel.tickShift
        earliestTick = .max
    }

    /// Tokens in the wheel.
    package var count: Int { scheduled }

    /// Asks for a look at `token` when `deadline` has passed, or up to a rotation from now when the
    /// deadline lies beyond that.
    /// - Returns: when that look will be.
    package mutating func schedule(_ token: Token, at deadline: Instant) -> Instant {
        let deadlineTick = (deadline.nanoseconds >> TimerWheel.tickShift) &+ 1
        let farthest = currentTick + Int64(TimerWheel.tickCount) - 1
        let tick = max(currentTick + 1, min(deadlineTick, farthest))
        ticks[index(tick)].append(token.bits)
        scheduled += 1
        earliestTick = min(earliestTick, tick)
        return Instant(nanoseconds: tick << TimerWheel.tickShift)
    }

    /// When the next look is due; nil when nothing is scheduled.
    package func nextLook() -> Instant? {
        guard scheduled > 0 else { return nil }
        return Instant(nanoseconds: earliestTick << TimerWheel.tickShift)
    }

    /// Moves on to `now`; afterwards `popDue` hands out every token whose time has come.
    package mutating func advance(to now: Instant) {
        let target = now.nanoseconds >> TimerWheel.tickShift
        guard target > currentTick else { return }
        guard target >= earliestTick else {
            currentTick = target
            return
        }
        let last = min(target, currentTick + Int64(TimerWheel.tickCount))
        for tick in earliestTick...last {
            let index = index(tick)
            guard !ticks[index].isEmpty else { continue }
            due.append(contentsOf: ticks[index])
            scheduled -= ticks[index].count
            ticks[index].removeAll(keepingCapacity: true)
        }
        currentTick = target
        findEarliest()
    }

    private mutating func findEarliest() {
        earliestTick = .max
        guard scheduled > 0 else { return }
        for ahead in 1...Int64(TimerWheel.tickCount)
        where !ticks[index(currentTick + ahead)].isEmpty {
            earliestTick = currentTick + ahead
            return
        }
    }

    /// The next token that is due; nil when there is none left.
    package mutating func popDue() -> Token? {
        due.popLast().map(Token.init(bits:))
    }

    private func index(_ tick: Int64) -> Int {
        Int(tick & Int64(TimerWheel.tickCount - 1))
    }
}
