import Foundation
import TestSupport
import Testing

/// https, with nginx as the server.
@Suite(.serialized) struct SecureRunTests {
    /// Runs `body` with nginx on a free port, with a certificate of these names.
    private func withNginx(
        names: [String], _ body: (_ port: UInt16, _ certificate: TestCertificate) throws -> Void
    ) throws {
        let certificate = try TestCertificate(names: names)
        let folder = Programs.temporaryPath("-nginx")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer {
            certificate.remove()
            try? FileManager.default.removeItem(atPath: folder)
        }
        let probe = try TalkingServer { _ in }
        let port = probe.port
        probe.stop()
        try """
        daemon off; master_process off; pid \(folder)/pid; error_log \(folder)/log;
        events { worker_connections 512; }
        http {
          access_log off;
          client_body_temp_path \(folder)/a; proxy_temp_path \(folder)/b;
          fastcgi_temp_path \(folder)/c; uwsgi_temp_path \(folder)/d; scgi_temp_path \(folder)/e;
          server {
            listen 127.0.0.1:\(port) ssl;
            ssl_certificate \(certificate.certificate); ssl_certificate_key \(certificate.key);
            location / { return 200 '{"name":"$ssl_server_name"}'; }
            location /big { alias \(folder)/big; }
          }
        }
        """.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        try String(repeating: "x", count: 3_000_000).write(
            toFile: folder + "/big", atomically: true, encoding: .utf8)
        let nginx = Process()
        nginx.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        nginx.arguments = ["nginx", "-c", folder + "/nginx.conf", "-p", folder]
        nginx.standardError = Pipe()
        try nginx.begin()
        defer {
            nginx.terminate()
            nginx.waitUntilExit()
        }
        for _ in 0..<200 {
            if (try? RawClient(port: port)) != nil { break }
            usleep(20_000)
        }
        try body(port, certificate)
    }

    private func run(_ target: String, _ more: [String]) throws -> LoadOutcome {
        try Programs.loadgen(
            1,
            [
                "--rate", "100", "--duration", "1s", "--connections", "4", "--mix", "stats=1",
                "--allow-late",
            ] + more, at: target)
    }

    @Test("over https it counts what it sends, with keep-alive and without, and large answers too")
    func runsOverTLS() throws {
        try withNginx(names: ["DNS:localhost", "IP:127.0.0.1"]) { port, certificate in
            for more in [[], ["--keep-alive", "off"], ["--path", "/big", "--mix", "request=1"]] {
                let flags = more.contains("--mix") ? more : more + []
                let run = try Programs.loadgen(
                    1,
                    [
                        "--rate", "50", "--duration", "1s", "--connections", "4", "--allow-late",
                        "--ca", certificate.certificate,
                    ] + (flags.contains("--mix") ? flags : flags + ["--mix", "stats=1"]),
                    at: "https://127.0.0.1:\(port)")
                #expect(run.status == 0, "\(more): \(run.output)")
                #expect(run.number("statuses", "200") == 50 && run.number("errors", "total") == 0)
            }
        }
    }

    @Test("who is not trusted is not sent to, and the reason is told; --insecure trusts anybody")
    func refusesStrangers() throws {
        try withNginx(names: ["DNS:other.test"]) { port, certificate in
            let target = "https://127.0.0.1:\(port)"
            let wrongName = try run(target, ["--ca", certificate.certificate])
            #expect(wrongName.status == 1)
            #expect(wrongName.output.contains("IP address mismatch"), "\(wrongName.output)")
            #expect(wrongName.number("connecting", "failures", "tls") > 0)
            #expect(wrongName.number("requests") == 0)
            let unknown = try run(target, [])
            #expect(unknown.output.contains("self-signed"), "\(unknown.output)")
            #expect(try run(target, ["--insecure"]).status == 0)
            // The name of the Host header is the one that counts.
            let named = try run(
                target, ["--ca", certificate.certificate, "--host-header", "other.test"])
            #expect(named.status == 0, "\(named.output)")
        }
    }

    @Test("https to a server without TLS is an error of TLS, and a file without certificates named")
    func namesMistakes() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond() }
            visit.respond()
        }
        defer { server.stop() }
        let file = Programs.root + "/README.md"
        let noFile = try run("https://127.0.0.1:\(server.port)", ["--ca", file])
        #expect(noFile.status == 1 && noFile.output.contains("README.md: no certificates"))
        let plain = try TalkingServer { visit in visit.send("HTTP/1.1 400 Bad Request\r\n\r\n") }
        defer { plain.stop() }
        let run = try run("https://127.0.0.1:\(plain.port)", ["--insecure"])
        #expect(run.status == 1)
        #expect(run.number("connecting", "made") == 0, "\(run.output)")
    }
}
