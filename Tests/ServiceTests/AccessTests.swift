import Foundation
import TestSupport
import Testing

/// Who may do what: tokens, pages of other sites, proxies.
@Suite struct AccessTests {
    private static let sample = "{\"cpu\":1,\"rps\":2}"

    @Test("a page of another site may not send samples; its own and named ones may")
    func refusesForeignPages() throws {
        let service = try RunningService(["CORS_ORIGINS": "https://a.example http://b.example:81"])
        func post(_ origin: String, host: String = "x") throws -> Response {
            try service.send(
                "POST /ingest HTTP/1.1\r\nHost: \(host)\r\nOrigin: \(origin)\r\nContent-Length: 17\r\n"
                    + "\r\n\(AccessTests.sample)")
        }
        for (origin, host) in [
            ("https://evil.example", "x"), ("null", "x"), ("http://x:81", "x"), ("x", "x"),
            ("https://a.example.evil", "x"), ("http://a.example", "x"), ("http://x.y", "x"),
        ] {
            let answer = try post(origin, host: host)
            #expect(answer.status == 403 && answer.body.contains("Origin"), "\(origin)")
            #expect(answer.headers["access-control-allow-origin"] == nil)
        }
        for (origin, host) in [
            ("http://x", "x"), ("https://X", "x:443"), ("http://x:8080", "x:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            let answer = try post(origin, host: host)
            #expect(answer.status == 202, "\(origin) \(answer.body)")
        }
        for origin in ["https://a.example", "http://b.example:81"] {
            let answer = try post(origin)
            #expect(answer.status == 202)
            #expect(answer.headers["access-control-allow-origin"] == origin)
            #expect(answer.headers["vary"] == "Origin")
        }
        // A page may read what everybody may read, where it is named.
        let read = try service.get("/stats", headers: "Origin: https://evil.example\r\n")
        #expect(read.status == 200 && read.headers["access-control-allow-origin"] == nil)
        #expect(try service.get("/stats").number("count") == 6)
    }

    @Test("a preflight of a named page says what its requests may be")
    func answersPreflights() throws {
        let service = try RunningService(["CORS_ORIGINS": "*", "AUTH_TOKEN": "t"])
        let answer = try service.send(
            "OPTIONS /ingest HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
                + "Access-Control-Request-Method: POST\r\n"
                + "Access-Control-Request-Headers: authorization\r\n\r\n")
        #expect(answer.status == 204 && answer.headers["access-control-allow-origin"] == "*")
        #expect(answer.headers["access-control-allow-methods"] == "POST, OPTIONS")
        let headers = answer.headers["access-control-allow-headers"] ?? ""
        #expect(headers.contains("Authorization") && headers.contains("Content-Type"))
        let refused = try service.post(
            "/ingest", AccessTests.sample, headers: "Origin: https://a.example\r\n")
        #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] == "*")
    }

    @Test("with EXTERNAL_URL only its pages are the service's own")
    func knowsItsOwnPages() throws {
        let service = try RunningService(["EXTERNAL_URL": "https://Tide.example:443/x"])
        let own = "Origin: https://tide.example\r\n"
        #expect(try service.post("/ingest", AccessTests.sample, headers: own).status == 202)
        // A name that somebody has let point here is none.
        let rebound = try service.send(
            "POST /ingest HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
                + "Content-Length: 17\r\n\r\n\(AccessTests.sample)")
        #expect(rebound.status == 403)
    }

    @Test("several tokens, in several forms; GET needs one where READ_TOKEN is set")
    func takesTokens() throws {
        let service = try RunningService(["AUTH_TOKEN": "one two", "READ_TOKEN": "three"])
        func post(_ value: String) throws -> Response {
            try service.post("/ingest", AccessTests.sample, headers: "Authorization: \(value)\r\n")
        }
        func basic(_ pair: String) -> String { "Basic " + Data(pair.utf8).base64EncodedString() }
        for value in ["Bearer one", "bearer two", "Token one", basic("user:two"), basic(":one")] {
            #expect(try post(value).status == 202, "\(value)")
        }
        for value in [
            "Bearer three", "Bearer on", "Bearer one two", "one", "Basic one", basic("one"),
            basic("user:x"), "Bearer ", "Digest one",
        ] {
            let answer = try post(value)
            #expect(answer.status == 401, "\(value)")
            #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
        for path in ["/analyze", "/metrics", "/devices", "/series", "/anomalies", "/prometheus"] {
            #expect(try service.get(path).status == 401, "\(path)")
            for token in ["one", "three"] {
                let header = "Authorization: Bearer \(token)\r\n"
                #expect(try service.get(path, headers: header).status == 200, "\(path)")
            }
        }
        for path in ["/health", "/ready"] { #expect(try service.get(path).status == 200) }
        #expect(try service.send("OPTIONS /stats HTTP/1.1\r\nHost: x\r\n\r\n").status == 204)
        let log = service.stopAndReadLog()
        #expect(!log.contains("three") && !log.contains("two"))
    }

    @Test("files of tokens are read again when they change", .timeLimit(.minutes(1)))
    func readsTokenFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/tokens"
        try Data("first\r\n\n second \n".utf8).write(to: URL(fileURLWithPath: path))
        let service = try RunningService(["AUTH_TOKEN_FILE": path])
        func status(_ token: String) throws -> Int {
            try service.post(
                "/ingest", AccessTests.sample, headers: "Authorization: Bearer \(token)\r\n"
            ).status
        }
        #expect(try status("first") == 202 && status("second") == 202 && status("third") == 401)
        // In the place of the old one, as Kubernetes does.
        try Data("third\n".utf8).write(to: URL(fileURLWithPath: path + ".new"))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
        while try status("third") != 202 { usleep(50_000) }
        // After many wrong ones the next are 429.
        #expect(try [401, 429].contains(status("first")))
        // What cannot be used changes nothing.
        try Data("\n".utf8).write(to: URL(fileURLWithPath: path))
        usleep(2_500_000)
        #expect(try status("third") == 202)
        #expect(service.stopAndReadLog().contains("the tokens before stay"))
    }

    @Test(
        "a setting that cannot be used stops the start with a line that names it",
        arguments: [
            ("AUTH_TOKEN_FILE", "/nowhere/at/all"), ("TRUSTED_PROXIES", "10.0.0.0/33"),
            ("CORS_ORIGINS", "a.example"), ("EXTERNAL_URL", "a.example"),
            ("READ_TOKEN_FILE", "/dev/null"),
        ])
    func refusesSettings(_ name: String, _ value: String) throws {
        let (status, output) = try Programs.run(
            "env", ["\(name)=\(value)", "PORT=0", Programs.folder + "/tidemark"])
        #expect(status == 64 && output.contains(name), "\(output)")
    }

    @Test("behind a trusted proxy each client has its own quota, and the proxy has none")
    func believesProxies() throws {
        let trusted = try RunningService(
            ["CLIENT_QUOTA": "2", "TRUSTED_PROXIES": "127.0.0.0/8 ::1 10.0.0.0/8", "THREADS": "1"])
        func statuses(_ service: RunningService, _ forwarded: String?) throws -> Set<Int> {
            let header = forwarded.map { "X-Forwarded-For: \($0)\r\n" } ?? ""
            var found: Set<Int> = []
            for _ in 0..<6 {
                found.insert(
                    try service.post("/ingest", AccessTests.sample, headers: header).status)
            }
            return found
        }
        for client in [
            "192.0.2.1", "192.0.2.2:443", "[2001:db8::1]:5", "9.9.9.9, 192.0.2.9, 10.1.2.3",
        ] {
            #expect(try statuses(trusted, client) == [202, 429], "\(client)")
        }
        // Each proxy of a chain may add a header of its own.
        #expect(
            try statuses(trusted, "192.0.2.10\r\nAccept: */*\r\nx-forwarded-for: 10.9.9.9")
                == [202, 429])
        #expect(try statuses(trusted, "192.0.2.10") == [429])
        // The last one who is not trusted counts, whatever stands before.
        #expect(try statuses(trusted, "1.1.1.1, 192.0.2.9") == [429])
        #expect(try statuses(trusted, nil) == [202])
        #expect(try statuses(trusted, "10.1.2.3") == [202])
        let plain = try RunningService(["CLIENT_QUOTA": "2", "THREADS": "1"])
        #expect(try statuses(plain, "192.0.2.1") == [202, 429])
        #expect(try statuses(plain, "192.0.2.2") == [429])
    }

    @Test("a trusted proxy may say by a PROXY header whom it speaks for")
    func readsProxyHeaders() throws {
        let service = try RunningService(
            ["CLIENT_QUOTA": "2", "TRUSTED_PROXIES": "127.0.0.1 ::1", "THREADS": "1"])
        let request = RunningService.post("/ingest", AccessTests.sample)
        func binary(_ address: [UInt8], family: UInt8, command: UInt8 = 0x21) -> [UInt8] {
            let length = address.isEmpty ? 0 : 2 * address.count + 4
            return [
                13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, command, family, 0, UInt8(length),
            ]
                + address + [UInt8](repeating: 0, count: max(0, length - address.count))
        }
        func send(_ head: [UInt8], inPieces: Bool = false) throws -> Int {
            let client = try service.connect()
            let bytes = head + Array(request.utf8)
            if inPieces {
                for byte in bytes.prefix(head.count + 3) { try client.write([byte]) }
                try client.write(Array(bytes.dropFirst(head.count + 3)))
            } else {
                try client.write(bytes)
            }
            return try client.response().status
        }
        for head in [
            Array("PROXY TCP4 192.0.2.1 10.0.0.1 5 80\r\n".utf8),
            Array("PROXY TCP6 2001:db8::7 2001:db8::1 5 80\r\n".utf8),
            binary([192, 0, 2, 3], family: 0x11),
            binary([UInt8](repeating: 7, count: 16), family: 0x21),
        ] {
            #expect(try send(head, inPieces: true) == 202)
            var statuses: Set<Int> = []
            for _ in 0..<5 { statuses.insert(try send(head)) }
            #expect(statuses == [202, 429], "\(head)")
        }
        for head in [
            Array("PROXY UNKNOWN\r\n".utf8), binary([], family: 0, command: 0x20), [],
        ] {
            for _ in 0..<5 { #expect(try send(head) == 202) }
        }
        for head in [
            Array("PROXY TCP4 nowhere 10.0.0.1 5 80\r\n".utf8), Array("PROXY \r\n".utf8),
            binary([1, 2], family: 0x11), binary([192, 0, 2, 3], family: 0x11, command: 0x31),
        ] {
            #expect(try send(head) == 400, "\(head)")
        }
        let other = try RunningService()
        let client = try other.connect()
        try client.write("PROXY TCP4 192.0.2.1 10.0.0.1 5 80\r\n" + request)
        #expect(try client.response().status == 400)
    }

    @Test("metrics come in the form that a client wants most")
    func negotiates() throws {
        let service = try RunningService()
        let open = "application/openmetrics-text"
        for (accept, isOpen) in [
            ("\(open);version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true),
            ("text/plain;q=1, \(open);q=0", false), ("\(open)", true), ("*/*", false),
            ("text/plain, \(open);q=0.9", false), ("text/*;q=0.3,\(open);q=0.4", true),
            ("\(open);version=1.0.0;q=0.5,\(open);version=0.0.1;q=0.4,*/*;q=0.2", true),
            ("", false),
        ] {
            let answer = try service.get("/metrics", headers: "Accept: \(accept)\r\n")
            let isRight = answer.headers["content-type"]?.hasPrefix(open) == isOpen
            #expect(answer.status == 200 && isRight, "\(accept)")
        }
    }

    @Test("a client of HTTP/1.0 gets no interim response; what nobody can meet is a 417")
    func meetsExpectations() throws {
        let service = try RunningService()
        let old = try service.connect()
        try old.write(
            "POST /ingest HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n")
        usleep(100_000)
        try old.write(AccessTests.sample)
        #expect(try old.response().status == 202)
        let other = try service.send(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nContent-Length: 17\r\n\r\n"
                + AccessTests.sample)
        #expect(other.status == 417)
        let both = try service.send(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nExpect: 100-continue\r\n"
                + "Content-Length: 17\r\n\r\n\(AccessTests.sample)")
        #expect(both.status == 417)
    }

    @Test("a body that comes slowly is read; one that rests is a 408, and counts where it belongs")
    func waitsForProgress() throws {
        let service = try RunningService(["BODY_TIMEOUT": "300ms", "MAX_BODY_BYTES": "4000"])
        let slow = try service.connect()
        let body = AccessTests.sample + String(repeating: " ", count: 1_983)
        try slow.write("POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
        // Over a second, three times as long as it may rest.
        for start in stride(from: 0, to: 2_000, by: 100) {
            try slow.write(Array(body.utf8)[start..<start + 100].map { $0 })
            usleep(50_000)
        }
        #expect(try slow.response().status == 202)
        let resting = try service.connect()
        try resting.write(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n{\"cpu\"")
        #expect(try resting.response().status == 408)
        // A body that nobody reads has its time too, on a connection that is older than that.
        let unwanted = try service.connect()
        usleep(500_000)
        try unwanted.write("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        #expect(try unwanted.response().status == 404)
        usleep(100_000)
        try unwanted.write("cdGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try unwanted.response().status == 200)
        let long = try service.send(
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        #expect(long.status == 413)
        let chunked = try service.send(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n")
        #expect(chunked.status == 413)
        let text = try service.get("/metrics").body
        for (route, status) in [("/ingest", 408), ("/metrics", 413), ("/ingest", 413)] {
            #expect(
                text.contains(
                    "http_requests_total{method=\"POST\",route=\"\(route)\",status=\"\(status)\"} 1\n"
                ),
                "\(route) \(status)")
        }
    }
}
