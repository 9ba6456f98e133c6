import Foundation
import Synchronization
import TestSupport
import Testing

@testable import LoadGen

/// How often a server has seen each request, by its whole text.
private final class Seen: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Notes a request; 1 for the first time.
    func note(_ request: String) -> Int {
        counts.withLock {
            $0[request, default: 0] += 1
            return $0[request] ?? 0
        }
    }

    var all: [String: Int] { counts.withLock { $0 } }
}

private func key(of request: String) -> String? {
    request.components(separatedBy: "\r\n").first { $0.hasPrefix("Idempotency-Key: ") }
        .map { String($0.dropFirst("Idempotency-Key: ".count)) }
}

/// Requests that are sent again, and what the result says of them.
@Suite(.serialized) struct RetryTests {
    private static let verdict =
        #"{"status":"accepted","accepted":3,"is_anomaly":false,"score":0.1,"alert":false}"#

    private func run(_ server: TalkingServer, _ more: [String]) throws -> LoadOutcome {
        defer { server.stop() }
        let connections = more.contains("--connections") ? [] : ["--connections", "4"]
        return try Programs.loadgen(
            server.port, connections + ["--duration", "1s", "--allow-late"] + more)
    }

    @Test(
        "what was answered 503 or cut is sent again with the same bytes, and is then a success",
        arguments: ["503", "reset"], ["on", "off"])
    func sendsAgain(_ cause: String, _ keepAlive: String) throws {
        let seen = Seen()
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                if seen.note(request) > 1 {
                    visit.respond(RetryTests.verdict, status: "202 Accepted")
                } else if cause == "503" {
                    visit.respond("", status: "503 Wait", headers: "Retry-After: 0\r\n")
                } else {
                    return
                }
                if keepAlive == "off" { return }
            }
        }
        let run = try run(
            server,
            [
                "--rate", "40", "--mix", "ingest=1,batch=1,metrics=1", "--batch", "3",
                "--retries", "2", "--keep-alive", keepAlive,
            ])
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("requests") == 40 && run.number("errors", "total") == 0)
        #expect(run.number("attempts") == 80)
        #expect(run.number("retries", "total") == 40 && run.number("retries", cause) == 40)
        #expect(run.number("retried_requests") == 40 && run.number("recovered_requests") == 40)
        #expect(run.number("statuses", "202") == 40 && run.number("statuses", "503").isNaN)
        #expect(run.number("duplicates") == 0)
        #expect(run.output.contains("retries   40: 40 after \(cause)"), "\(run.output)")
        // A request is its whole text: its key and its body are those of the first attempt.
        #expect(seen.all.count == 40 && seen.all.values.allSatisfy { $0 == 2 })
        #expect(Set(seen.all.keys.compactMap(key)).count == 40)
    }

    @Test("a retry has the times and numbers of the first attempt, in a request of one's own too")
    func keepsValues() throws {
        let seen = Seen()
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                let isFirst = seen.note(request) == 1
                visit.respond(status: isFirst ? "503 Wait" : "200 OK")
            }
        }
        let run = try run(
            server,
            [
                "--rate", "20", "--path", "/in/{{seq}}", "--method", "PUT", "--header",
                "X-Time: {{timestamp}}", "--body", "{{timestamp}} {{seq}} {{rps}}", "--retries",
                "1",
            ])
        #expect(run.number("retries", "503") == 20, "\(run.output)")
        #expect(run.number("errors", "total") == 0)
        #expect(seen.all.count == 20 && seen.all.values.allSatisfy { $0 == 2 })
    }

    @Test("a request that no retry helped is one error, and its latency counts from its due time")
    func givesUp() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("", status: "503 No") }
        }
        let run = try run(server, ["--rate", "20", "--mix", "ingest=1", "--retries", "2"])
        #expect(run.status == 1)
        #expect(run.number("requests") == 20 && run.number("errors", "5xx") == 20)
        #expect(run.number("attempts") == 60 && run.number("retries", "503") == 40)
        #expect(run.number("retried_requests") == 20 && run.number("recovered_requests") == 0)
        #expect(run.number("statuses", "503") == 20)
        // The waits before the two retries are 50 ms and 100 ms at least.
        #expect(run.number("latency_ms", "p50") >= 149)
        #expect(run.number("service_time_ms", "p50") < run.number("latency_ms", "p50"))
    }

    @Test("a time-out is a cause of its own, and a server that has stored the request says so")
    func countsDuplicates() throws {
        let seen = Seen()
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                if seen.note(request) == 1 {
                    visit.sleep(0.6)
                    return
                }
                visit.respond(#"{"status":"accepted","duplicate":true}"#, status: "202 Accepted")
            }
        }
        let run = try run(
            server,
            [
                "--rate", "5", "--mix", "ingest=1", "--retries", "3", "--timeout", "300ms",
                "--connections", "16",
            ])
        #expect(run.number("requests") == 5 && run.number("errors", "total") == 0)
        #expect(run.number("retries", "timeout") >= 5, "\(run.output)")
        #expect(run.number("duplicates") == 5)
        #expect(run.number("recovered_requests") == 5)
    }

    @Test("a request that waits for its retry keeps no other from being sent")
    func staysOpen() throws {
        let seen = Seen()
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                if seen.note(request) == 1 {
                    visit.respond("", status: "503 Wait", headers: "Retry-After: 1\r\n")
                } else {
                    visit.respond(RetryTests.verdict, status: "202 Accepted")
                }
            }
        }
        let run = try run(
            server,
            ["--rate", "20", "--mix", "ingest=1", "--retries", "1", "--connections", "1"])
        #expect(run.number("requests") == 20 && run.number("errors", "total") == 0)
        let keys = server.requests.compactMap(key)
        #expect(keys.count == 40)
        let first = try #require(keys.first)
        let again = try #require(keys.dropFirst().firstIndex(of: first))
        // On the only connection others went out before the first request's retry.
        #expect(again > 1, "\(keys)")
        #expect(run.number("latency_ms", "p50") >= 999)
    }

    @Test("a closed loop sends its retries too, and nothing is lost")
    func retriesInClosedLoop() throws {
        let seen = Seen()
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                visit.sleep(0.01)
                let isFirst = seen.note(request) == 1
                visit.respond(
                    RetryTests.verdict, status: isFirst ? "503 Wait" : "202 Accepted")
            }
        }
        let run = try run(server, ["--closed", "--mix", "ingest=1", "--retries", "1"])
        #expect(run.number("errors", "total") == 0, "\(run.output)")
        #expect(run.number("requests") > 10 && run.number("cut") == 0)
        #expect(run.number("attempts") == 2 * run.number("requests"))
        #expect(seen.all.values.allSatisfy { $0 == 2 })
    }

    @Test("without --retries nothing is sent again, nothing has a key, and a 503 is an error")
    func sendsOnce() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                if visit.number == 0 { return }
                visit.respond("", status: "503 No", headers: "Retry-After: 0\r\n")
            }
        }
        let run = try run(server, ["--rate", "40", "--mix", "ingest=1"])
        #expect(run.number("errors", "total") == 40 && run.number("errors", "reset") == 1)
        #expect(run.number("attempts") == 40 && run.number("retries", "total") == 0)
        #expect(server.requests.count == 40)
        #expect(server.requests.allSatisfy { key(of: $0) == nil })
        #expect(!run.output.contains("retries"), "\(run.output)")
    }

    @Test("keys differ from request to request, thread to thread and run to run; queries have none")
    func makesKeys() throws {
        var all: Set<String> = []
        for _ in 0..<2 {
            let server = try TalkingServer { visit in
                while visit.request() != nil { visit.respond(RetryTests.verdict) }
            }
            let run = try run(
                server,
                ["--rate", "60", "--mix", "ingest=5,stats=1", "--keys", "on", "--threads", "2"])
            #expect(run.status == 0 && server.requests.count == 60, "\(run.output)")
            for request in server.requests {
                let key = key(of: request)
                #expect((key == nil) == request.hasPrefix("GET "))
                guard let key else { continue }
                #expect(key.utf8.count <= 128 && key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
                #expect(all.insert(key).inserted, "\(key)")
            }
        }
    }

    @Test("the note of a repeat is no verdict on a labelled sample")
    func inventsNoVerdicts() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.respond(#"{"status":"accepted","duplicate":true}"#, status: "202 Accepted")
            }
        }
        let run = try run(
            server,
            ["--rate", "200", "--labelled", "default", "--mix", "ingest=1", "--retries", "1"])
        #expect(run.number("errors", "total") == 0, "\(run.output)")
        #expect(run.number("duplicates") > 0)
        #expect(run.number("duplicates") == run.number("requests"))
        #expect(run.number("accuracy", "samples") == 0)
    }

    @Test(
        "retries without keys, and too many, are refused by name",
        arguments: [
            (["--retries", "11"], "--retries: \"11\" is not allowed; allowed is 0 to 10"),
            (["--retries", "2", "--keys", "off"], "--keys: off is not allowed with --retries"),
            (["--keys", "maybe"], "--keys: \"maybe\" is not allowed; allowed is on or off"),
        ])
    func refusesFlags(_ flags: [String], _ reason: String) throws {
        let run = try Programs.loadgen(1, flags)
        #expect(run.status == 64)
        #expect(run.output.contains(reason), "\(run.output)")
    }
}
