public import Bytes

/// What a thread's event loop runs: all that it asks, in the order of one turn.
///
/// A turn is: how long to wait, the wait, `beginTurn`, `handle` for each event, `timeOut` for each
/// timer that is over, `endTurn`. Nothing in a handler may block.
@usableFromInline package protocol EventHandler: ~Copyable {
    /// How long the next turn may wait for events, whatever the loop's timers say; nil is without
    /// end.
    mutating func timeToWait(_ loop: inout EventLoop) -> TimeSpan?
    /// The wait is over; `loop.now` is the time. What is read of the clock in a turn is read here.
    mutating func beginTurn(_ loop: inout EventLoop, eventCount: Int)
    /// A watched descriptor is ready for something.
    mutating func handle(_ event: Event, _ loop: inout EventLoop)
    /// Another thread has called `WakeUp.signal`, once or several times.
    mutating func wake(_ loop: inout EventLoop)
    /// A deadline given to `loop.timers` for this token may be over.
    mutating func timeOut(_ token: Token, _ loop: inout EventLoop)
    /// All events and timers of the turn are served: what was gathered goes out now.
    /// - Returns: false ends the loop.
    mutating func endTurn(_ loop: inout EventLoop) throws(SystemError) -> Bool
}

extension EventHandler where Self: ~Copyable {
    /// For a loop without a wake-up.
    package mutating func wake(_ loop: inout EventLoop) {}
}

/// One thread's event loop: which descriptors are ready, which deadlines are over, and the wake-up
/// by which other threads reach it. It knows nothing of what it serves.
///
/// What is generic over the handler is inlinable, so that a turn calls the handler's own functions
/// and not a table of them.
@usableFromInline package struct EventLoop: ~Copyable {
    /// Tokens of this kind are the loop's own.
    private static let ownKind: UInt8 = 0

    package private(set) var poller: Poller
    package var timers: TimerWheel
    /// The clock, as read after the last wait.
    package private(set) var now: Instant
    private let wakeUp: WakeUp?

    /// - Parameter wakeUp: by which other threads wake the loop; nil where none does.
    package init(wakeUp: consuming WakeUp?) throws(SystemError) {
        let poller = try Poller()
        if let number = wakeUp?.descriptor.number {
            try poller.add(
                number, .read,
                token: Token(kind: EventLoop.ownKind, generation: 0, index: 0))
        }
        self.poller = poller
        self.wakeUp = wakeUp
        now = Clock.now()
        timers = TimerWheel(now: now)
    }

    /// Runs turns until `endTurn` says that it was the last.
    @inlinable package mutating func run<Handler: EventHandler & ~Copyable>(
        _ handler: inout Handler
    ) throws(SystemError) {
        repeat {
            let wait = handler.timeToWait(&self)
            let count = try waitForEvents(wait)
            handler.beginTurn(&self, eventCount: count)
            serve(count, &handler)
            while let token = nextTimer() { handler.timeOut(token, &self) }
        } while try handler.endTurn(&self)
    }

    /// Serves what has become ready meanwhile, without waiting; for a handler that would rather
    /// gather some more before its turn ends.
    /// - Returns: how many events there were.
    @inlinable package mutating func serveReady<Handler: EventHandler & ~Copyable>(
        _ handler: inout Handler
    ) throws(SystemError) -> Int {
        let count = try pollEvents()
        serve(count, &handler)
        return count
    }

    @inlinable mutating func serve<Handler: EventHandler & ~Copyable>(
        _ count: Int, _ handler: inout Handler
    ) {
        for index in 0..<count {
            if let event = event(at: index) {
                handler.handle(event, &self)
            } else {
                handler.wake(&self)
            }
        }
    }

    /// Waits for as long as the handler or the next timer allows, and reads the clock. The timers'
    /// part counts from the turn's beginning: a tick is longer than a turn, so the clock is read
    /// once.
    @usableFromInline mutating func waitForEvents(_ wait: TimeSpan?) throws(SystemError) -> Int {
        var wait = wait
        if let deadline = timers.nextLook() {
            let left = max(TimeSpan(nanoseconds: 0), deadline - now)
            wait = min(wait ?? left, left)
        }
        let count = try poller.wait(wait)
        now = Clock.now()
        timers.advance(to: now)
        return count
    }

    @usableFromInline mutating func pollEvents() throws(SystemError) -> Int {
        try poller.wait(TimeSpan(nanoseconds: 0))
    }

    /// One of the events; nil for the wake-up, which is cleared.
    @usableFromInline func event(at index: Int) -> Event? {
        let event = poller.event(at: index)
        guard event.token.kind == EventLoop.ownKind else { return event }
        wakeUp?.clear()
        return nil
    }

    @usableFromInline mutating func nextTimer() -> Token? { timers.popDue() }
}
