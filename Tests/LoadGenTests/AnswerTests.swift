import Bytes
import Foundation
import Numerics
import TestSupport
import Testing

@testable import LoadGen

/// Answers of all kinds of servers.
@Suite(.serialized) struct AnswerTests {
    private func run(_ server: ScriptedServer, _ more: [String] = []) throws -> LoadOutcome {
        defer { server.stop() }
        return try Programs.loadgen(
            server.port,
            [
                "--rate", "100", "--duration", "1s", "--connections", "4", "--mix", "stats=1",
                "--timeout", "2s", "--allow-late",
            ] + more)
    }

    @Test(
        "however an answer ends, it is whole",
        arguments: [
            "HTTP/1.0 200 OK\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "3\r\nabc\r\n0\r\n\r\n",
        ])
    func endsAnswers(_ answer: String) throws {
        let run = try run(try ScriptedServer(answer: answer, closes: true))
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("statuses", "200") == 100)
        #expect(run.number("errors", "total") == 0)
    }

    @Test("chunks without an end of the connection are whole too")
    func readsChunks() throws {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        let run = try run(try ScriptedServer(answer: answer))
        #expect(run.number("statuses", "200") == 100, "\(run.output)")
    }

    @Test("a server that hangs up early, talks nonsense or fails is told apart by its errors")
    func countsKinds() throws {
        let cut = try run(
            try ScriptedServer(
                answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", closes: true))
        #expect(cut.status == 1)
        #expect(cut.number("errors", "reset") == 100, "\(cut.output)")
        let nonsense = try run(try ScriptedServer(answer: "SSH-2.0-OpenSSH_9.2 hello\r\n\r\n"))
        #expect(nonsense.number("errors", "bad_answer") > 0, "\(nonsense.output)")
        #expect(nonsense.number("errors", "total") == nonsense.number("errors", "bad_answer"))
        let failing = try run(
            try ScriptedServer(answer: "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"),
            ["--slo", "errors < 1%"])
        #expect(failing.number("errors", "5xx") == 100)
        #expect(failing.output.contains("no request succeeded: 100 of 100 answers"))
        #expect(failing.number("error_rate") == 1)
    }

    @Test("free connections take turns")
    func takesTurns() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var list = FreeList(capacity: 5)
        var expected: [Int] = []
        for number in 0..<1000 {
            if expected.count < 5, random.below(2) == 0 {
                list.append(number)
                expected.append(number)
            } else {
                #expect(list.removeFirst() == expected.first, "seed \(seed)")
                if !expected.isEmpty { expected.removeFirst() }
            }
            #expect(list.count == expected.count && list.isEmpty == expected.isEmpty)
        }
    }
}
