import Foundation
import TestSupport
import Testing

/// Incidents reach people: a real Alertmanager, and a webhook that checks what it is told.
@Suite(.serialized) struct NotificationTests {
    private func line(_ number: Int, _ value: Double, of device: String) -> String {
        "{\"timestamp\":\(1_700_000_000 + 60 * number),\"cpu\":20,\"rps\":\(value),"
            + "\"device_id\":\"\(device)\"}"
    }

    /// Values that move a little about 100.
    private func calm(_ numbers: Range<Int>, of device: String) -> [String] {
        numbers.map { line($0, 97 + Double($0 * 7919 % 61) / 10, of: device) }
    }

    private func send(_ lines: [String], to service: RunningService) throws {
        let answer = try service.post(
            "/ingest?verdicts=none", lines.joined(separator: "\n"))
        #expect(answer.status == 202, "\(answer.body)")
    }

    private func ready(_ settings: [String: String]) throws -> RunningService {
        let service = try RunningService(settings)
        for _ in 0..<500 where try service.get("/ready").status != 200 { usleep(10_000) }
        return service
    }

    private func wait(
        _ what: String, seconds: Int = 10, _ isSo: () throws -> Bool
    ) throws {
        for _ in 0..<(seconds * 50) {
            if try isSo() { return }
            usleep(20_000)
        }
        throw Failure("waited in vain: \(what)")
    }

    /// A receiver that takes everything.
    private func receiver() throws -> TalkingServer {
        try TalkingServer { visit in while visit.request() != nil { visit.respond() } }
    }

    private func body(_ request: String) -> String {
        request.range(of: "\r\n\r\n").map { String(request[$0.upperBound...]) } ?? ""
    }

    private func json(_ request: String) -> [String: Any] {
        let data = Data(body(request).utf8)
        return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }

    private func header(_ name: String, of request: String) -> String? {
        for line in request.components(separatedBy: "\r\n")
        where line.lowercased().hasPrefix(name.lowercased() + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }

    // MARK: Alertmanager

    /// Messages of an Alertmanager about a device, by their status.
    private func told(_ server: TalkingServer, of device: String) -> [String] {
        server.requests.map(json).filter { message in
            (message["groupLabels"] as? [String: String])?["device"] == device
        }.compactMap { $0["status"] as? String }
    }

    @Test("one device of a thousand by name, and its end, with one of two replicas killed between")
    func survivesAReplica() throws {
        let people = try receiver()
        defer { people.stop() }
        let alertmanager = try WatchedFleet.startAlertmanager(
            telling: "http://127.0.0.1:\(people.port)/")
        let redis = try RunningRedis()
        let settings = [
            "STORE": redis.url, "THREADS": "1",
            "ALERTMANAGER_URL": "http://127.0.0.1:\(alertmanager.port)",
            "EXTERNAL_URL": "https://tidemark.example",
        ]
        let (dying, other) = (try ready(settings), try ready(settings))
        try send(calm(0..<400, of: "web-7"), to: dying)
        try send((0..<1_000).flatMap { calm(0..<25, of: "d\($0)") }, to: dying)
        // Killed at once: it may have told of it or not.
        try send([line(400, 20, of: "web-7")], to: dying)
        kill(dying.process.processIdentifier, SIGKILL)
        dying.process.waitUntilExit()
        try wait("people hear of web-7", seconds: 20) { told(people, of: "web-7") == ["firing"] }
        let alerts = try alertmanager.get("/api/v2/alerts").body.list
        let alert = try #require(alerts.first { $0["labels"]["device"].text == "web-7" })
        #expect(alert["labels"]["alertname"].text == "TidemarkIncident")
        #expect(alert["labels"]["reason"].text == "spike")
        #expect(alert["labels"]["severity"].text == "critical")
        #expect(alert["annotations"]["summary"].text.hasPrefix("web-7: The value"))
        #expect(alert["annotations"]["value"].text == "20")
        #expect(alert["annotations"]["band"].text.contains(" to "))
        #expect(
            alert["annotations"]["link"].text.hasPrefix("https://tidemark.example/incidents/"))
        try send(calm(401..<420, of: "web-7"), to: other)
        try wait("people hear of its end", seconds: 20) {
            told(people, of: "web-7") == ["firing", "resolved"]
        }
        // Repeats are no news to people.
        usleep(2_500_000)
        #expect(told(people, of: "web-7") == ["firing", "resolved"])
        #expect(!people.requests.contains { $0.contains("\"device\":\"d1") })
        #expect(
            try other.get("/metrics").body.contains(
                "notifications_waiting{target=\"alertmanager\"} 0\n"))
    }

    @Test("an outage of all devices while Alertmanager is away: nobody is lost, ends come too")
    func survivesItsAbsence() throws {
        let people = try receiver()
        defer { people.stop() }
        let port = try freePort()
        let service = try ready(["ALERTMANAGER_URL": "http://127.0.0.1:\(port)"])
        let devices = (0..<1_000).map { "d\($0)" }
        for part in 0..<8 {
            try send(
                devices.flatMap { calm((50 * part)..<(50 * part + 50), of: $0) }, to: service)
        }
        let start = Date()
        try send(devices.map { line(400, 0, of: $0) }, to: service)
        // The first ends before anybody could be told that it had begun.
        try send(calm(401..<420, of: "d0"), to: service)
        usleep(2_000_000)
        let metrics = try service.get("/metrics").body
        #expect(
            metrics.contains("notifications_total{target=\"alertmanager\",outcome=\"sent\"} 0\n"))
        #expect(!metrics.contains("outcome=\"failed\"} 0\nnotifications_total{target=\"alertm"))
        let alertmanager = try WatchedFleet.startAlertmanager(
            telling: "http://127.0.0.1:\(people.port)/", port: port)
        try wait("all are told", seconds: 60) {
            let alerts = try alertmanager.get("/api/v2/alerts").body.list
            return Set(alerts.map { $0["labels"]["device"].text }).isSuperset(
                of: devices.dropFirst())
        }
        #expect(-start.timeIntervalSinceNow < 60)
        let posts = service.stopAndReadLog()
        #expect(posts.contains("notifications wait") && posts.contains("takes notifications again"))
    }

    // MARK: Webhook

    private static let secret = "a secret of the test's"

    private func expectSigned(_ request: String) throws {
        let (status, output) = try Programs.run(
            "openssl", ["dgst", "-sha256", "-hmac", NotificationTests.secret],
            input: body(request))
        #expect(status == 0)
        let digest = output.split(whereSeparator: \.isWhitespace).last ?? ""
        #expect(header("X-Tidemark-Signature", of: request) == "sha256=" + digest)
    }

    /// Events as the receiver heard of them: device and state.
    private func events(_ server: TalkingServer) -> [String] {
        server.requests.map(json).filter { $0["device_id"] != nil }.map { event in
            "\(event["device_id"] ?? "") \(event["state"] ?? "")"
        }
    }

    @Test("a webhook hears of each event once from two replicas, signed, with a key")
    func tellsAWebhook() throws {
        let people = try receiver()
        defer { people.stop() }
        let redis = try RunningRedis()
        let settings = [
            "STORE": redis.url, "THREADS": "1", "WEBHOOK_SECRET": NotificationTests.secret,
            "WEBHOOK_URL": "http://127.0.0.1:\(people.port)/hook?team=a",
        ]
        let replicas = [try ready(settings), try ready(settings)]
        let devices = (0..<30).map { "d \($0)" }
        for (number, device) in devices.enumerated() {
            try send(calm(0..<400, of: device), to: replicas[number % 2])
        }
        try send(devices.map { line(400, 20, of: $0) }, to: replicas[0])
        try send(devices.flatMap { calm(401..<415, of: $0) }, to: replicas[1])
        let wanted = devices.flatMap { ["\($0) open", "\($0) closed"] }.sorted()
        try wait("all events are told") { events(people).count >= wanted.count }
        usleep(2_500_000)
        #expect(events(people).sorted() == wanted)
        let requests = people.requests
        let keys = requests.compactMap { header("Idempotency-Key", of: $0) }
        #expect(keys.count == requests.count && Set(keys).count == keys.count)
        for request in requests.prefix(5) {
            #expect(request.hasPrefix("POST /hook?team=a HTTP/1.1\r\n"))
            try expectSigned(request)
        }
        for device in devices {
            let order = events(people).filter { $0.hasPrefix(device + " ") }
            #expect(order == ["\(device) open", "\(device) closed"])
        }
        let sent = try replicas.map { try $0.get("/metrics").body }.map { metrics in
            metrics.components(separatedBy: "\n").first {
                $0.hasPrefix("notifications_total{target=\"webhook\",outcome=\"sent\"}")
            }.flatMap { Double($0.split(separator: " ").last ?? "") } ?? 0
        }
        #expect(Int(sent.reduce(0, +)) == requests.count)
    }

    @Test("a replica that dies while it tells: another one tells it again, with the same key")
    func survivesAClaim() throws {
        // The first request is never answered.
        let people = try TalkingServer { visit in
            while visit.request() != nil {
                if visit.number == 0 { return visit.sleep(60) }
                visit.respond()
            }
        }
        let redis = try RunningRedis()
        let settings = [
            "STORE": redis.url, "THREADS": "1",
            "WEBHOOK_URL": "http://127.0.0.1:\(people.port)/",
        ]
        let dying = try ready(settings)
        try send(calm(0..<400, of: "a"), to: dying)
        try send([line(400, 20, of: "a")], to: dying)
        try wait("it is under way") { people.requests.count == 1 }
        kill(dying.process.processIdentifier, SIGKILL)
        dying.process.waitUntilExit()
        let other = try ready(settings)
        let first = people.requests[0]
        try wait("the other tells it", seconds: 60) {
            people.requests.dropFirst().contains { body($0) == body(first) }
        }
        usleep(500_000)
        let repeats = people.requests.filter {
            header("Idempotency-Key", of: $0) == header("Idempotency-Key", of: first)
        }
        #expect(repeats.count == 2)
        _ = other.stop()
    }

    @Test("over a file: what a killed process could not tell is told by the next one, once")
    func survivesARestart() throws {
        let people = try receiver()
        defer { people.stop() }
        let folder = try TemporaryFolder()
        let port = try freePort()
        var settings = [
            "STORE": "file:" + folder.path + "/series.db",
            "WEBHOOK_URL": "http://127.0.0.1:\(port)/",
        ]
        let deaf = try ready(settings)
        try send(calm(0..<400, of: "a"), to: deaf)
        try send([line(400, 20, of: "a")], to: deaf)
        try wait("it is listed") { try deaf.get("/incidents").body.contains("\"device_id\":\"a\"") }
        usleep(300_000)
        kill(deaf.process.processIdentifier, SIGKILL)
        deaf.process.waitUntilExit()
        settings["WEBHOOK_URL"] = "http://127.0.0.1:\(people.port)/"
        for round in 0..<3 {
            let service = try ready(settings)
            try wait("it is told") { events(people).contains("a open") }
            if round == 1 {
                try send(calm(401..<420, of: "a"), to: service)
                try wait("its end is told") { events(people).contains("a closed") }
            }
            usleep(500_000)
            #expect(service.stop() == 0)
        }
        #expect(events(people) == ["a open", "a closed"])
    }

    @Test(
        "over TLS with a token from a file; a target that refuses is not asked again for the same")
    func tellsOverTLS() throws {
        let certificate = try TestCertificate(names: ["DNS:localhost"])
        let folder = try TemporaryFolder()
        defer { certificate.remove() }
        let people = try TalkingServer { visit in
            while let request = visit.request() {
                let isFirst = !request.contains("\"state\":\"closed\"")
                visit.respond("no", status: isFirst ? "422 Unprocessable Content" : "200 OK")
            }
        }
        defer { people.stop() }
        let (proxy, secure) = try secured(people.port, certificate)
        defer { proxy.stop() }
        let token = folder.path + "/token"
        try "sesame\n".write(toFile: token, atomically: true, encoding: .utf8)
        let settings = [
            "WEBHOOK_URL": "https://localhost:\(secure)/",
            "WEBHOOK_TOKEN_FILE": token, "TLS_CA_FILE": certificate.certificate,
        ]
        let service = try ready(settings)
        try send(calm(0..<400, of: "a"), to: service)
        try send([line(400, 20, of: "a")], to: service)
        // The fleet's own incident is refused too.
        try wait("it is refused") {
            try service.get("/metrics").body.contains(
                "notifications_total{target=\"webhook\",outcome=\"refused\"} 2\n")
        }
        #expect(header("Authorization", of: people.requests[0]) == "Bearer sesame")
        try "changed".write(toFile: token, atomically: true, encoding: .utf8)
        try send(calm(401..<420, of: "a"), to: service)
        try wait("its end is told") { people.requests.count >= 4 }
        #expect(header("Authorization", of: people.requests[3]) == "Bearer changed")
        #expect(events(people) == ["a open", "a closed"])

        // Without the authority nobody is told anything.
        let distrustful = try ready(settings.filter { $0.key != "TLS_CA_FILE" })
        try send(calm(0..<400, of: "b"), to: distrustful)
        try send([line(400, 20, of: "b")], to: distrustful)
        try wait("it fails") {
            try !distrustful.get("/metrics").body.contains(
                "notifications_total{target=\"webhook\",outcome=\"failed\"} 0\n")
        }
        #expect(distrustful.stopAndReadLog().contains("certificate is not accepted"))
        #expect(people.requests.count == 4)
    }

    /// Ends TLS in front of a receiver.
    /// - Returns: the proxy, and its port.
    private func secured(
        _ receiver: UInt16, _ certificate: TestCertificate
    ) throws -> (RunningServer, UInt16) {
        let secure = try freePort()
        let proxy = try RunningServer("nginx", readyAt: "/ready") { folder, port in
            let path = folder.appendingPathComponent("nginx.conf")
            try """
            daemon off; master_process off; pid \(folder.path)/pid; error_log \(folder.path)/errors;
            events { worker_connections 64; }
            http {
              access_log off;
              client_body_temp_path \(folder.path)/a; proxy_temp_path \(folder.path)/b;
              fastcgi_temp_path \(folder.path)/c; uwsgi_temp_path \(folder.path)/d;
              scgi_temp_path \(folder.path)/e;
              server {
                listen 127.0.0.1:\(port);
                location /ready { return 200; }
              }
              server {
                listen 127.0.0.1:\(secure) ssl;
                ssl_certificate \(certificate.certificate); ssl_certificate_key \(certificate.key);
                location / { proxy_pass http://127.0.0.1:\(receiver); }
              }
            }
            """.write(to: path, atomically: true, encoding: .utf8)
            return ["-c", path.path, "-p", folder.path]
        }
        return (proxy, secure)
    }
}
