import Bytes
import Foundation
import TLS
import TestSupport
import Testing

/// The service with a certificate of its own: TLS_CERT and TLS_KEY.
@Suite final class SecureServiceTests {
    private static let sample = RunningService.post("/ingest", "{\"cpu\":1,\"rps\":100}")

    private let certificate: TestCertificate

    init() throws { certificate = try TestCertificate(names: ["DNS:localhost"]) }
    deinit { certificate.remove() }

    private func service(_ settings: [String: String] = [:]) throws -> RunningService {
        let own = ["TLS_CERT": certificate.certificate, "TLS_KEY": certificate.key]
        return try RunningService(own.merging(settings) { $1 })
    }

    private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Programs.run("curl", ["--silent", "--show-error", "--max-time", "5"] + arguments)
    }

    @Test("requests one after the other, split anywhere, and the end is said in the words of TLS")
    func serves() throws {
        let service = try service()
        let client = try service.connect()
        for byte in Self.sample.utf8 { try client.write([byte]) }
        #expect(try client.response().status == 202)
        try client.write(String(repeating: Self.sample, count: 50))
        for _ in 0..<50 { #expect(try client.response().status == 202) }
        try client.write("GET /analyze HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        #expect(try client.response().number("total_processed") == 51)
        #expect(try client.isAtEnd() && client.isFinished)
    }

    @Test("curl, and the health check of the image, reach it; a body of a megabyte too")
    func knowsOthers() throws {
        let service = try service(["AUTH_TOKEN": "t"])
        let folder = try TemporaryFolder()
        let body = folder.path + "/body"
        let row = "{\"cpu\":1,\"rps\":100,\"device_id\":\"a\"}"
        let rows = Array(repeating: row, count: 30_000).joined(separator: ",")
        try "[\(rows)]".write(toFile: body, atomically: true, encoding: .utf8)
        let url = "https://localhost:\(service.port)"
        for version in ["--tlsv1.3", "--tls-max 1.2"] {
            let reply = try run(
                ["--cacert", certificate.certificate, "--data-binary", "@\(body)"]
                    + version.split(separator: " ").map(String.init)
                    + ["-H", "Authorization: Bearer t", url + "/ingest?verdicts=all"])
            #expect(
                reply.status == 0 && reply.output.count > 3_000_000, "\(reply.output.prefix(300))")
        }
        #expect(try run(["--tls-max", "1.1", "--insecure", url + "/health"]).status != 0)
        let check = try Programs.run(
            "env",
            [
                "PORT=\(service.port)", "TLS_CERT=\(certificate.certificate)",
                Programs.folder + "/tidemark", "check", "/ready",
            ])
        #expect(check.status == 0, "\(check.output)")
    }

    @Test(
        "who comes without TLS is told; who says nothing, or nonsense, does not stay",
        // Without HEAD_TIMEOUT it would be IDLE_TIMEOUT, which is over five minutes.
        .timeLimit(.minutes(1)))
    func refusesOthers() throws {
        let service = try service(["HEAD_TIMEOUT": "300ms"])
        let plain = try RawClient(port: service.port)
        try plain.write("GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
        let reply = try plain.response()
        #expect(reply.status == 400 && reply.body.contains("HTTPS"), "\(reply.body)")
        #expect(try plain.isAtEnd())
        let nonsense = try RawClient(port: service.port)
        try nonsense.write([UInt8](repeating: 7, count: 100))
        // The alert that TLS sends, and the end.
        while try !nonsense.isAtEnd() { nonsense.forget() }
        let silent = try RawClient(port: service.port)
        // The beginning of a handshake, and a byte now and then.
        for byte: UInt8 in [0x16, 3, 1, 2, 0, 1] {
            try? silent.write([byte])
            usleep(100_000)
        }
        #expect(try silent.isAtEnd())
        #expect(try service.get("/health").status == 200)
    }

    @Test("a new certificate is shown to new connections, and those before go on")
    func readsAgain() throws {
        let first = try TestCertificate(names: ["DNS:localhost"])
        let second = try TestCertificate(names: ["DNS:localhost"])
        let folder = try TemporaryFolder()
        let files = FileManager.default
        let (certificate, key) = (folder.path + "/tls.crt", folder.path + "/tls.key")
        func show(_ from: String, as path: String) throws {
            try files.copyItem(atPath: from, toPath: path + ".new")
            // As one step, as who renews certificates does it.
            // SAFETY: the call reads both paths.
            try #require(unsafe rename(path + ".new", path) == 0)
        }
        try show(first.certificate, as: certificate)
        try show(first.key, as: key)
        let service = try RunningService(["TLS_CERT": certificate, "TLS_KEY": key])
        func connect(_ known: TestCertificate) -> RawClient? {
            try? RawClient(
                port: service.port, trusting: .authorities(file: known.certificate))
        }
        let before = try #require(connect(first))
        #expect(connect(second) == nil)
        // One of two: nothing changes.
        try show(second.certificate, as: certificate)
        kill(service.process.processIdentifier, SIGHUP)
        usleep(300_000)
        #expect(connect(first) != nil && connect(second) == nil)
        try show(second.key, as: key)
        var isNew = false
        for _ in 0..<500 where !isNew {
            usleep(10_000)
            isNew = connect(second) != nil
        }
        #expect(isNew && connect(first) == nil)
        try before.write(Self.sample)
        #expect(try before.response().status == 202)
        let log = service.stopAndReadLog()
        #expect(log.contains("the certificate before stays") && log.contains("were read again"))
    }

    @Test("what a proxy says comes before the handshake")
    func believesProxies() throws {
        let service = try service(["TRUSTED_PROXIES": "127.0.0.1", "CLIENT_QUOTA": "1"])
        for client in ["192.0.2.1", "192.0.2.2", ""] {
            let preface = client.isEmpty ? "" : "PROXY TCP4 \(client) 192.0.2.9 4000 443\r\n"
            let connection = try RawClient(
                port: service.port, trusting: service.trust, preface: preface)
            var statuses: Set<Int> = []
            for _ in 0..<50 {
                try connection.write(Self.sample)
                statuses.insert(try connection.response().status)
            }
            // Each has a quota of its own; a proxy that names nobody has none.
            #expect(statuses == (client.isEmpty ? [202] : [202, 429]), "\(client)")
        }
    }

    @Test("behind a proxy, too, who comes without TLS is told")
    func tellsBehindProxies() throws {
        let service = try service(["TRUSTED_PROXIES": "127.0.0.1"])
        for (preface, word) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.9 4000 443\r\n", "HTTPS"), ("", "HTTPS"),
            ("PROXY nonsense\r\n", "PROXY header"),
        ] {
            let plain = try RawClient(port: service.port)
            try plain.write(preface + "GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
            let reply = try plain.response()
            #expect(reply.status == 400 && reply.body.contains(word), "\(reply.body)")
        }
    }

    @Test("a connection too many is closed, and one less makes room")
    func boundsClients() throws {
        let service = try service(["MAX_CONNECTIONS_PER_CLIENT": "1"])
        var held: RawClient? = try service.connect()
        try held?.write(Self.sample)
        #expect(try held?.response().status == 202)
        #expect(throws: (any Error).self) { try service.connect() }
        held = nil
        var isServed = false
        for _ in 0..<500 where !isServed {
            usleep(10_000)
            isServed = (try? service.get("/health").status) == 200
        }
        #expect(isServed)
    }

    @Test("replies that nobody reads are bounded: the slowest reader goes, and others are served")
    func boundsMemory() throws {
        let service = try service(["MAX_BUFFERED_BYTES": "64000000", "THREADS": "1"])
        func metric(_ name: String) throws -> Double {
            let line = try service.get("/metrics").body.split(separator: "\n")
                .first { $0.hasPrefix(name + " ") }
            return try #require(line.flatMap { Double($0.split(separator: " ")[1]) })
        }
        // Each reply has some 20 MB, and is held as its samples and verdicts: some 9 MB.
        let row = "{\"cpu\":1,\"rps\":2,\"device_id\":\"a\"}"
        let body = Array(repeating: row, count: 50_000).joined(separator: "\n")
        let clients = try (0..<12).map { _ in
            let client = try service.connect()
            try client.write(RunningService.post("/ingest?verdicts=all", body))
            return client
        }
        var samples = 0.0
        for _ in 0..<3_000 where samples < 600_000 {
            samples = try metric("samples_total")
            usleep(10_000)
        }
        #expect(samples == 600_000)
        let resident = try metric("process_resident_memory_bytes")
        #expect(resident < 200_000_000, "\(resident)")
        let closed = try metric("connections_slow_total")
        #expect(closed >= 4, "\(closed) closed")
        withExtendedLifetime(clients) {}
    }

    @Test("files that cannot be used stop the start, and say why")
    func refusesFiles() throws {
        let other = try TestCertificate(names: ["DNS:localhost"])
        for (settings, reason) in [
            (["TLS_CERT": certificate.certificate], "TLS_CERT and TLS_KEY: both are needed"),
            (["TLS_KEY": certificate.key], "TLS_CERT and TLS_KEY: both are needed"),
            (["TLS_CERT": "/nowhere", "TLS_KEY": certificate.key], "TLS_CERT: /nowhere"),
            (
                ["TLS_CERT": certificate.certificate, "TLS_KEY": other.key],
                "\(other.key): no private key can be read, or not the certificate's"
            ),
        ] {
            let error = #expect(throws: Failure.self) { try RunningService(settings) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
    }
}
