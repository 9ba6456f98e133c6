import Detection
import Foundation
import Redis
import TestSupport
import Testing

/// The way to Redis: TLS with and without certificates of clients, and sockets of the machine.
@Suite(.serialized) struct RedisTLSTests {
    /// A Redis with a TLS port beside the plain one, which the tests themselves use.
    private struct Secure {
        let redis: RunningRedis
        let port: UInt16
        let certificate: TestCertificate

        init(_ options: [String] = [], asksClients: Bool = false) throws {
            let certificate = try TestCertificate(names: ["DNS:localhost", "IP:127.0.0.1"])
            // A node's bus is ten thousand above this one.
            let port = try clusterPort()
            (self.port, self.certificate) = (port, certificate)
            redis = try RunningRedis(
                port: clusterPort(),
                [
                    "--tls-port", "\(port)", "--tls-cert-file", certificate.certificate,
                    "--tls-key-file", certificate.key, "--tls-ca-cert-file",
                    certificate.certificate,
                    "--tls-auth-clients", asksClients ? "yes" : "no",
                ] + options)
        }
    }

    private func service(_ url: String, _ settings: [String: String] = [:]) throws
        -> RunningService
    {
        try RunningService(["STORE": url, "THREADS": "1"].merging(settings) { $1 })
    }

    private func isReady(_ service: RunningService) throws -> Bool {
        for _ in 0..<300 {
            if try service.get("/ready").status == 200 { return true }
            usleep(10_000)
        }
        Issue.record("\(try service.get("/ready").body)")
        return false
    }

    private func reason(_ service: RunningService, holding word: String) throws -> Bool {
        for _ in 0..<300 {
            if try service.get("/ready").body.contains(word) { return true }
            usleep(10_000)
        }
        Issue.record("\(try service.get("/ready").body), expected \(word)")
        return false
    }

    @Test("over TLS every sample is stored once, with keys and cuts, and the tools read it")
    func isExact() throws {
        let secure = try Secure()
        defer { secure.certificate.remove() }
        let url = "rediss://localhost:\(secure.port)"
        let settings = ["REDIS_CA": secure.certificate.certificate]
        let services = [try service(url, settings), try service(url, settings)]
        for service in services { #expect(try isReady(service)) }
        var plan = LogTraffic.Plan()
        (plan.clients, plan.samples, plan.devices, plan.isKeyed) = (6, 200, 20, true)
        let traffic = LogTraffic(plan, ports: services.map(\.port))
        traffic.start()
        let client = try secure.redis.client()
        for _ in 0..<4 {
            usleep(150_000)
            try client.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        }
        let told = traffic.wait()
        let truth = try LogTruth([client], FoldParameters())
        let faults = truth.faults(of: told)
        #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        #expect(told.acknowledged.count == 6 * 200)
        let environment = ["REDIS_CA=" + secure.certificate.certificate]
        let (status, output) = try Programs.run(
            "env", environment + [Programs.folder + "/tidemark", "log", "verify", url])
        #expect(status == 0, "\(output)")
    }

    @Test("a certificate of the client is shown where the server wants one")
    func showsCertificate() throws {
        let secure = try Secure(asksClients: true)
        defer { secure.certificate.remove() }
        let file = secure.certificate.certificate
        let url = "rediss://127.0.0.1:\(secure.port)"
        let nameless = try service(url, ["REDIS_CA": file])
        #expect(try reason(nameless, holding: "Redis is unreachable"))
        let known = try service(
            url, ["REDIS_CA": file, "REDIS_CERT": file, "REDIS_KEY": secure.certificate.key])
        #expect(try isReady(known))
    }

    @Test("an authority that is not trusted, another name, and a plain port are told as that")
    func refuses() throws {
        let secure = try Secure()
        defer { secure.certificate.remove() }
        let file = secure.certificate.certificate
        let url = "rediss://127.0.0.1:\(secure.port)"
        #expect(try reason(service(url), holding: "certificate"))
        let misled = try service(url, ["REDIS_CA": file, "REDIS_SERVER_NAME": "redis.example"])
        #expect(try reason(misled, holding: "certificate"))
        let led = try service(url, ["REDIS_CA": file, "REDIS_SERVER_NAME": "localhost"])
        #expect(try isReady(led))
        let plain = try service("redis://127.0.0.1:\(secure.port)")
        #expect(try reason(plain, holding: "TLS"))
        let lost = try service("rediss://127.0.0.1:\(secure.redis.port)", ["REDIS_CA": file])
        #expect(try reason(lost, holding: "TLS"))
        let (status, output) = try Programs.run(
            "env", ["STORE=\(url)", "REDIS_CA=/none", Programs.folder + "/tidemark"])
        #expect(status == 1 && output.contains("/none"), "\(output)")
        let (bad, text) = try Programs.run(
            "env", ["STORE=\(url)", "REDIS_CERT=/none", Programs.folder + "/tidemark"])
        #expect(bad == 64 && text.contains("REDIS_KEY"), "\(text)")
    }

    @Test("a cluster over TLS")
    func reachesCluster() throws {
        let secure = try Secure(["--cluster-enabled", "yes", "--tls-cluster", "yes"])
        defer { secure.certificate.remove() }
        try secure.redis.client().command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        let service = try service(
            "rediss-cluster://127.0.0.1:\(secure.port)",
            ["REDIS_CA": secure.certificate.certificate])
        #expect(try isReady(service))
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 202)
    }

    @Test("a socket of this machine")
    func usesSocket() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/redis.sock"
        let redis = try RunningRedis(["--unixsocket", path])
        let url = "redis+unix:" + path
        let service = try service(url)
        #expect(try isReady(service))
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 202)
        #expect(try redis.client().integer("XLEN", "tm:{0}") > 0)
        #expect(
            try Programs.run(Programs.folder + "/tidemark", ["log", "verify", url]).status == 0)
        _ = service.stop()
    }

    @Test("a server that takes no more clients says so, and the line has its words")
    func isFull() throws {
        let redis = try RunningRedis(["--maxclients", "1"])
        let held = try redis.client()
        try held.command("PING")
        let service = try service(redis.url)
        #expect(try reason(service, holding: "max number of clients"))
    }
}
