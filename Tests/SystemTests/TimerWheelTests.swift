import Bytes
import System
import Numerics
import Testing

@Suite struct TimerWheelTests {
    @Test("no deadline is looked at early, and none later than a tick after it")
    func isPunctual() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var wheel = TimerWheel(now: now)
        var deadlines: [Int: Instant] = [:]
        var next = 0
        for _ in 0..<5000 {
            for _ in 0..<random.below(4) {
                let deadline = now + .milliseconds(random.below(30_000))
                deadlines[next] = deadline
                _ = wheel.schedule(Token(kind: 3, generation: 7, index: next), at: deadline)
                next += 1
            }
            now = now + .milliseconds(random.below(200))
            wheel.advance(to: now)
            while let token = wheel.popDue() {
                guard let deadline = deadlines[token.index] else {
                    Issue.record("seed \(seed): \(token.index) was due twice")
                    return
                }
                if deadline <= now {
                    deadlines[token.index] = nil
                } else {
                    // Beyond a rotation the wheel looks early, and is told to look again.
                    #expect((deadline - now).seconds > 0, "seed \(seed)")
                    _ = wheel.schedule(token, at: deadline)
                }
            }
            let overdue = deadlines.values.filter { $0 + TimerWheel.tick + TimerWheel.tick < now }
            #expect(overdue.isEmpty, "seed \(seed)")
        }
        #expect(wheel.count == deadlines.count, "seed \(seed)")
    }

    @Test("the next look is when something is scheduled, and never when nothing is")
    func knowsItsNextLook() {
        let now = Instant(nanoseconds: 5_000_000_000)
        var wheel = TimerWheel(now: now)
        #expect(wheel.nextLook() == nil)
        let look = wheel.schedule(
            Token(kind: 1, generation: 0, index: 1), at: now + .milliseconds(100))
        #expect(wheel.nextLook() == look)
        #expect(look >= now + .milliseconds(100))
        #expect(look <= now + .milliseconds(134))
    }
}

@Suite struct TokenTests {
    @Test("kind, generation and index come back as they were put in")
    func packs() {
        let token = Token(kind: 255, generation: 0x12_3456, index: 4_000_000_000)
        #expect(token.kind == 255)
        #expect(token.generation == 0x12_3456)
        #expect(token.index == 4_000_000_000)
        #expect(Token(bits: token.bits) == token)
    }
}

@Suite struct SocketTests {
    @Test("a connection is accepted, carries bytes both ways, and ends")
    func carriesBytes() throws {
        let listener = try Sockets.listen(port: 0, at: .loopback)
        let endpoint = try SocketAddress.resolveAll(
            host: "127.0.0.1", port: try Sockets.localPort(listener))[0]
        let client = try Sockets.connect(to: endpoint)
        var poller = try Poller()
        try poller.add(listener.number, .read, token: Token(kind: 1, generation: 0, index: 0))
        #expect(try poller.wait(.seconds(5)) == 1)
        guard case .connection(let server, _) = Sockets.accept(listener) else {
            Issue.record("nothing to accept")
            return
        }
        try poller.add(server.number, .read, token: Token(kind: 2, generation: 0, index: 0))
        var output = ByteBuffer(limit: 100)
        output.append("hello")
        #expect(client.send(from: &output) == .moved(5))
        #expect(try poller.wait(.seconds(5)) == 1)
        #expect(poller.event(at: 0).token.kind == 2)
        var input = ByteBuffer(limit: 1000)
        #expect(server.receive(into: &input, atMost: 100) == .moved(5))
        #expect(String(input.readable) == "hello")
        #expect(server.receive(into: &input, atMost: 100) == .wouldBlock)
        client.finishSending()
        #expect(try poller.wait(.seconds(5)) == 1)
        #expect(server.receive(into: &input, atMost: 100) == .ended)
    }
}
