import Bytes
import Testing

@testable import System

/// Notes what the loop asks of it, in order.
private struct Notebook: ~Copyable, EventHandler {
    var lines: [String] = []
    var turnsLeft: Int
    var wait: TimeSpan?
    /// Serves what is ready once more before the turn ends.
    var gathers = false
    var schedules: Instant?

    init(turns: Int, wait: TimeSpan? = nil) {
        turnsLeft = turns
        self.wait = wait
    }

    mutating func timeToWait(_ loop: inout EventLoop) -> TimeSpan? {
        lines.append("wait")
        if let deadline = schedules {
            _ = loop.timers.schedule(Token(kind: 9, generation: 0, index: 7), at: deadline)
            schedules = nil
        }
        return wait
    }

    mutating func beginTurn(_ loop: inout EventLoop, eventCount: Int) {
        lines.append("begin \(eventCount)")
    }

    mutating func handle(_ event: Event, _ loop: inout EventLoop) {
        lines.append("event \(event.token.index)")
    }

    mutating func wake(_ loop: inout EventLoop) { lines.append("wake") }

    mutating func timeOut(_ token: Token, _ loop: inout EventLoop) {
        lines.append("timer \(token.index)")
    }

    mutating func endTurn(_ loop: inout EventLoop) throws(SystemError) -> Bool {
        if gathers { lines.append("gathered \(try loop.serveReady(&self))") }
        lines.append("end")
        turnsLeft -= 1
        return turnsLeft > 0
    }
}

@Suite struct EventLoopTests {
    private static let nothing = TimeSpan(nanoseconds: 0)

    @Test("a turn asks for the wait, begins, serves events, then timers, and ends")
    func keepsOrder() throws {
        let number = try WakeUp.open()
        var loop = try EventLoop(wakeUp: WakeUp(owning: number))
        var notebook = Notebook(turns: 2, wait: EventLoopTests.nothing)
        WakeUp.signal(number)
        WakeUp.signal(number)
        try loop.run(&notebook)
        #expect(notebook.lines == ["wait", "begin 1", "wake", "end", "wait", "begin 0", "end"])
    }

    @Test("a timer ends a wait that would have no end, and two wakes are one")
    func endsWaits() throws {
        let number = try WakeUp.open()
        var loop = try EventLoop(wakeUp: WakeUp(owning: number))
        var notebook = Notebook(turns: 1)
        notebook.schedules = loop.now + .milliseconds(1)
        try loop.run(&notebook)
        #expect(notebook.lines == ["wait", "begin 0", "timer 7", "end"])
    }

    @Test("another thread's wake ends a wait that would have no end")
    func wakes() throws {
        let number = try WakeUp.open()
        var loop = try EventLoop(wakeUp: WakeUp(owning: number))
        var notebook = Notebook(turns: 1)
        try DetachedThread.start {
            Clock.sleep(.milliseconds(30))
            WakeUp.signal(number)
        }
        try loop.run(&notebook)
        #expect(notebook.lines == ["wait", "begin 1", "wake", "end"])
    }

    @Test("a handler may serve what has come meanwhile before its turn ends")
    func gathers() throws {
        let listener = try Sockets.listen(port: 0, at: .loopback)
        let endpoint = try SocketAddress.resolveAll(
            host: "127.0.0.1", port: try Sockets.localPort(listener))[0]
        var loop = try EventLoop(wakeUp: nil)
        try loop.poller.add(
            listener.number, .read, token: Token(kind: 1, generation: 0, index: 4))
        let client = try Sockets.connect(to: endpoint)
        Clock.sleep(.milliseconds(20))
        var notebook = Notebook(turns: 1)
        notebook.gathers = true
        try loop.run(&notebook)
        #expect(
            notebook.lines == ["wait", "begin 1", "event 4", "event 4", "gathered 1", "end"])
        #expect(client.number >= 0)
    }
}
