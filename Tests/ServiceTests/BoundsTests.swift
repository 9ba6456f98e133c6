import Foundation
import TestSupport
import Testing

/// What one client, or a small machine, may not do to the others.
@Suite struct BoundsTests {
    private func metric(_ service: RunningService, _ name: String) throws -> Double {
        try Programs.metric(service.port, name)
    }

    @Test("the quota counts what is refused too: 401, 404, 405, and heads that cannot be read")
    func countsRefusals() throws {
        let requests = [
            ("POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 401),
            ("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("DELETE /ingest HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 401),
        ]
        for (request, status) in requests {
            let service = try RunningService(
                ["CLIENT_QUOTA": "3", "THREADS": "1", "AUTH_TOKEN": "right"])
            var statuses: [Int] = []
            for _ in 0..<9 { statuses.append(try service.send(request).status) }
            #expect(statuses.prefix(3).allSatisfy { $0 == status }, "\(request): \(statuses)")
            #expect(statuses.last == 429, "\(request): \(statuses)")
            // Probes go on.
            #expect(try service.get("/health").status == 200)
            #expect(try service.get("/ready").status == 200)
        }
    }

    @Test("wrong tokens are refused faster and faster, and a right one never for it")
    func slowsGuesses() throws {
        let service = try RunningService(["AUTH_TOKEN": "right", "THREADS": "1"])
        func post(_ token: String) throws -> Response {
            try service.post(
                "/ingest", "{\"cpu\":1,\"rps\":1}", headers: "Authorization: Bearer \(token)\r\n")
        }
        var statuses: [Int] = []
        for number in 0..<40 { statuses.append(try post("wrong\(number)").status) }
        #expect(statuses.prefix(10).allSatisfy { $0 == 401 }, "\(statuses)")
        #expect(statuses.count { $0 == 429 } > 20, "\(statuses)")
        let last = try post("wrong")
        #expect(last.status == 429 && last.headers["retry-after"] != nil)
        for _ in 0..<20 { #expect(try post("right").status == 202) }
        #expect(try metric(service, "auth_failures_total") == 41)
        // Without a token nothing is guessed.
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 401)
    }

    @Test("one address may have so many connections; a proxy that is trusted never counts")
    func boundsClients() throws {
        for (trusted, isBound) in [("", true), ("127.0.0.0/8", false)] {
            let service = try RunningService([
                "MAX_CONNECTIONS_PER_CLIENT": "5", "TRUSTED_PROXIES": trusted,
            ])
            let question = "GET /analyze HTTP/1.1\r\nHost: x\r\n\r\n"
            var held = try (0..<5).map { _ in try service.connect() }
            for client in held {
                try client.write(question)
                #expect(try client.response().status == 200)
            }
            let one = try service.connect()
            if isBound {
                let answer = try one.response()
                #expect(answer.status == 429 && answer.body.contains("PER_CLIENT"))
                #expect(try one.isAtEnd())
                #expect(try service.get("/health").status == 429, "a probe comes from elsewhere")
                held.removeLast()
                usleep(100_000)
                let next = try service.connect()
                try next.write(question)
                #expect(try next.response().status == 200)
            } else {
                try one.write(question)
                #expect(try one.response().status == 200)
            }
        }
    }

    @Test("several Authorization headers are refused")
    func refusesTwoTokens() throws {
        let service = try RunningService(["AUTH_TOKEN": "right", "THREADS": "1"])
        for first in ["Bearer right", "Bearer wrong", ""] {
            let headers = "Authorization: \(first)\r\nAuthorization: Bearer right\r\n"
            let answer = try service.post("/ingest", "{\"cpu\":1,\"rps\":1}", headers: headers)
            #expect(answer.status == 400 && answer.body.contains("Authorization"), "\(first)")
        }
    }

    @Test("signals that mean nothing here are ignored; QUIT drains as TERM does")
    func ignoresSignals() throws {
        let service = try RunningService()
        let pid = service.process.processIdentifier
        for signal in [SIGUSR1, SIGUSR2, SIGHUP, SIGPIPE, SIGALRM] { kill(pid, signal) }
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 202)
        kill(pid, SIGQUIT)
        service.process.waitUntilExit()
        #expect(service.process.terminationReason == .exit)
        #expect(service.process.terminationStatus == 0)
    }

    @Test("nobody reads the log: requests and the end go on, and lines are counted")
    func neverWaitsForLog() throws {
        // Each file of tokens that cannot be read is a line; the pipe has room for some 600.
        let folder = try TemporaryFolder()
        let file = folder.path + "/tokens"
        try "right\n".write(toFile: file, atomically: true, encoding: .utf8)
        let service = try RunningService(
            ["AUTH_TOKEN_FILE": file, "LOG_LEVEL": "debug", "THREADS": "1"])
        try "\u{1}\n".write(toFile: file, atomically: true, encoding: .utf8)
        let pid = service.process.processIdentifier
        var lost = 0.0
        for _ in 0..<200 where lost == 0 {
            for _ in 0..<20 {
                kill(pid, SIGHUP)
                usleep(500)
            }
            lost = try metric(service, "log_lines_lost_total")
        }
        #expect(lost > 0)
        #expect(try service.get("/health").status == 200)
        #expect(service.stop() == 0)
    }

    @Test("the limit of descriptors bounds the connections, and probes find room")
    func boundsDescriptors() throws {
        let service = try RunningService(
            ["THREADS": "1"], under: ["prlimit", "--nofile=128:128"])
        var clients: [RawClient] = []
        for _ in 0..<200 { clients.append(try service.connect()) }
        for _ in 0..<5 { #expect(try service.get("/health").status == 200) }
        let descriptors = try metric(service, "process_open_fds")
        #expect(descriptors > 40 && descriptors < 128)
        #expect(try metric(service, "process_max_fds") == 128)
        #expect(try metric(service, "process_resident_memory_bytes") > 0)
        #expect(try metric(service, "connections_crowded_total") > 0)
        clients = []
        let log = service.stopAndReadLog()
        #expect(log.contains("MAX_CONNECTIONS: 56 instead of 65536"), "\(log)")
        #expect(!log.contains("cannot accept"), "\(log)")
        let run = try Programs.run(
            "prlimit", ["--nofile=80:80", Programs.folder + "/tidemark", "--port=0", "--threads=2"])
        #expect(run.status == 1 && run.output.contains("and needs more than 80"), "\(run.output)")
    }

    @Test("of large bodies that take all room, each is answered once")
    func answersLargeBodiesOnce() throws {
        let service = try RunningService([
            "MAX_BUFFERED_BYTES": "\(16 << 20)", "MAX_BODY_BYTES": "4000000", "THREADS": "1",
        ])
        let samples = Array(repeating: "{\"rps\":2}", count: 2_000).joined(separator: "\n")
        // The read of the last bytes doubles the memory of each.
        let length = (2 << 20) - 10_000
        let body = samples + String(repeating: " ", count: length - samples.utf8.count)
        let request = Array(RunningService.post("/ingest", body).utf8)
        let clients = try (0..<6).map { _ in try service.connect() }
        for client in clients { try client.write(Array(request.dropLast(50_000))) }
        usleep(200_000)
        for client in clients { try? client.write(Array(request.suffix(50_000))) }
        var stored = 0
        for client in clients {
            let answer = try client.response()
            #expect(answer.status == 202 || answer.status == 503, "\(answer.body)")
            guard answer.status == 202 else {
                #expect(try client.rest() == "")
                continue
            }
            stored += 1
            try client.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response().body.contains("healthy"))
        }
        #expect(stored > 0, "\(stored) stored")
        #expect(try metric(service, "samples_total") == Double(stored * 2_000))
    }

    @Test("a flood of connections without a request costs nobody else's")
    func keepsClientsThatAsk() throws {
        let service = try RunningService(["MAX_CONNECTIONS": "10", "THREADS": "1"])
        let good = try service.connect()
        let request = "GET /stats HTTP/1.1\r\nHost: a\r\n\r\n"
        try good.write(request)
        #expect(try good.response().status == 200)
        // It rests longest from here on.
        var others: [RawClient] = []
        for _ in 0..<40 { others.append(try service.connect()) }
        #expect(try service.get("/health").status == 200)
        try good.write(request)
        #expect(try good.response().status == 200)
    }

    @Test("replies that nobody reads are bounded: the slowest reader goes, and others are served")
    func boundsReplies() throws {
        let service = try RunningService(["MAX_BUFFERED_BYTES": "64000000", "THREADS": "1"])
        let sample = "{\"cpu\":1,\"rps\":2,\"device_id\":\"a\"}"
        let body = Array(repeating: sample, count: 50_000).joined(separator: "\n")
        // Each reply has some 20 MB, and is held as its samples and verdicts: some 9 MB.
        var clients: [RawClient] = []
        for _ in 0..<12 {
            let client = try service.connect()
            try client.write(RunningService.post("/ingest?verdicts=all", body))
            clients.append(client)
            #expect(try service.get("/health").status == 200)
        }
        // Also the last ones are answered.
        var samples = 0.0
        for _ in 0..<3_000 {
            samples = try metric(service, "samples_total")
            if samples == 600_000 { break }
            usleep(10_000)
        }
        #expect(samples == 600_000)
        let resident = try metric(service, "process_resident_memory_bytes")
        #expect(resident < 200_000_000, "\(resident)")
        let closed = try metric(service, "connections_slow_total")
        #expect(closed >= 4, "\(closed) closed")
        // The last one came when there was room again, and reads all.
        let last = try #require(clients.last)
        #expect(try last.response().status == 202)
        clients = []
        #expect(try service.post("/ingest", sample).status == 202)
    }

    @Test("BIND is the address that is served, and no other")
    func binds() throws {
        let service = try RunningService(["BIND": "127.0.0.2", "THREADS": "2"])
        #expect(throws: (any Error).self) { _ = try service.get("/health") }
        let check = try Programs.run(
            "env",
            [
                "BIND=127.0.0.2", "PORT=\(service.port)", Programs.folder + "/tidemark", "check",
            ])
        #expect(check.status == 0, "\(check.output)")
        let version6 = try RunningService(["BIND": "::1", "THREADS": "1"])
        let second = try Programs.run(
            "env",
            ["BIND=::1", "PORT=\(version6.port)", Programs.folder + "/tidemark", "check"])
        #expect(second.status == 0, "\(second.output)")
        for address in ["localhost", "300.1.1.1", "a b"] {
            let run = try Programs.run(
                "env", ["BIND=\(address)", "PORT=0", Programs.folder + "/tidemark"])
            #expect(run.status == 64 && run.output.contains("BIND"), "\(run.output)")
        }
        // An address of another machine.
        let run = try Programs.run(
            "env", ["BIND=192.0.2.1", "PORT=0", Programs.folder + "/tidemark"])
        #expect(run.status == 1 && run.output.contains("bind"), "\(run.output)")
    }
}
