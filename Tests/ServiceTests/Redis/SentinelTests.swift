import Detection
import Foundation
import Redis
import TestSupport
import Testing

/// A master that real sentinels watch, and replace.
@Suite(.serialized) struct SentinelTests {
    /// Two servers and three sentinels.
    private final class Watched {
        var servers: [RunningRedis]
        private var sentinels: [Process] = []
        let ports: [UInt16]
        private let folder: TemporaryFolder

        init() throws {
            let options = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "5"]
            let master = try RunningRedis(options)
            let replica = try RunningRedis(
                options + ["--replicaof", "127.0.0.1", "\(master.port)"])
            servers = [master, replica]
            let client = try master.client()
            for _ in 0..<1_000 where try client.integer("WAIT", "1", "10") != 1 {}
            folder = try TemporaryFolder()
            ports = try (0..<3).map { _ in try clusterPort() }
            for port in ports {
                sentinels.append(try SentinelTests.watch(master.port, at: port, in: folder))
            }
            try wait("the sentinels know each other") {
                try self.ports.allSatisfy { port in
                    guard let client = try? RedisClient(port: port),
                        case .array(let others) = try client.command(
                            "SENTINEL", "SENTINELS", "mymaster"),
                        case .array(let replicas) = try client.command(
                            "SENTINEL", "REPLICAS", "mymaster")
                    else { return false }
                    return others.count == 2 && replicas.count == 1
                }
            }
        }

        deinit {
            for process in sentinels where process.isRunning {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
        }

        func wait(_ what: String, _ isSo: () throws -> Bool) throws {
            for _ in 0..<600 {
                if try isSo() { return }
                usleep(50_000)
            }
            throw Failure("waited in vain: \(what)")
        }

        var url: String {
            "redis-sentinel://" + ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
                + "/mymaster"
        }

        /// Whom the sentinels name.
        func master() throws -> UInt16 {
            let reply = try RedisClient(port: ports[0]).command(
                "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
            guard case .array(let parts) = reply, case .text(let port) = parts[1] else { return 0 }
            return UInt16(String(decoding: port, as: UTF8.self)) ?? 0
        }

        /// Lets it happen, and waits until a master has its replica again.
        func suffer(_ fault: Fault) throws {
            let before = try master()
            let old = try #require(servers.first { $0.port == before })
            let replica = try #require(servers.first { $0.port != before })
            switch fault {
            case .hungMaster:
                old.pause()
                try wait("another one is the master") { try self.master() != before }
                old.resume()
            case .killedMaster:
                old.kill()
                try wait("another one is the master") { try self.master() != before }
                // While it has not read all, nobody may elect it.
                let options = ["--replica-priority", "0"]
                try old.start(options + ["--replicaof", "127.0.0.1", "\(master())"])
            case .hungReplica:
                replica.pause()
                usleep(2_000_000)
                replica.resume()
            }
            try wait("one follows the other") { try self.attached == 1 }
            try old.client().command("CONFIG", "SET", "replica-priority", "100")
        }

        var attached: Int {
            get throws {
                let port = try master()
                guard case .array(let role) = try RedisClient(port: port).command("ROLE"),
                    role.count == 3, case .array(let replicas) = role[2]
                else { return 0 }
                return replicas.count
            }
        }
    }

    /// Starts a sentinel.
    private static func watch(
        _ master: UInt16, at port: UInt16, in folder: TemporaryFolder
    ) throws -> Process {
        let file = folder.path + "/\(port).conf"
        try """
        port \(port)
        bind 127.0.0.1
        dir \(folder.path)
        loglevel warning
        sentinel monitor mymaster 127.0.0.1 \(master) 2
        sentinel down-after-milliseconds mymaster 1000
        sentinel failover-timeout mymaster 3000
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/redis-server")
        process.arguments = [file, "--sentinel"]
        process.standardOutput = FileHandle.nullDevice
        try process.begin()
        return process
    }

    @Test("while sentinels name different masters none is written to")
    func awaitsAgreement() throws {
        let folder = try TemporaryFolder()
        let masters = try (0..<2).map { _ in try RunningRedis() }
        let ports = try (0..<2).map { _ in try clusterPort() }
        let sentinels = try zip(masters, ports).map {
            try SentinelTests.watch($0.port, at: $1, in: folder)
        }
        defer { for process in sentinels { process.terminate() } }
        let named = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        let service = try RunningService([
            "STORE": "redis-sentinel://\(named)/mymaster", "THREADS": "1",
        ])
        var body = ""
        for _ in 0..<500 where !body.contains("different masters") {
            usleep(10_000)
            body = try service.get("/ready").body
        }
        #expect(body.contains("different masters"), "\(body)")
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 503)
        for master in masters { #expect(try master.client().integer("DBSIZE") == 0) }
    }

    /// What happens while samples come in.
    enum Fault: CaseIterable {
        /// The master stands still, is replaced, and wakes up: for a while there are two.
        case hungMaster
        /// The master is killed, and comes back with nothing, as a replica. (As a master it could
        /// be elected again, and all would be gone: sentinels do not look at data.)
        case killedMaster
        /// The replica stands still, and wakes up.
        case hungReplica
    }

    /// One in the usual run; FAULT_ROUNDS says how many in a campaign.
    private var rounds: Int {
        ProcessInfo.processInfo.environment["FAULT_ROUNDS"].flatMap { Int($0) } ?? 1
    }

    @Test(
        "under load with keys and retries nothing acknowledged is lost, or counted twice",
        arguments: Fault.allCases)
    func losesNothing(_ fault: Fault) throws {
        let watched = try Watched()
        let services = try (0..<2).map { _ in
            try RunningService([
                "STORE": watched.url, "THREADS": "1", "REDIS_REPLICAS_STRICT": "on",
                // All that is sent stays in the log, so that it can be looked for.
                "REDIS_HISTORY": "67108864",
            ])
        }
        for service in services {
            try watched.wait("it is ready") { try service.get("/ready").status == 200 }
        }
        for round in 0..<rounds {
            var plan = LogTraffic.Plan()
            (plan.clients, plan.samples, plan.devices) = (6, 1_000_000, 20)
            (plan.isKeyed, plan.seed) = (true, UInt64(70 + round))
            let traffic = LogTraffic(plan, ports: services.map(\.port))
            traffic.start()
            usleep(500_000)
            try watched.suffer(fault)
            for service in services {
                try watched.wait("it is ready again") { try service.get("/ready").status == 200 }
            }
            usleep(300_000)
            let told = traffic.stop()
            let truth = try LogTruth(
                [try RedisClient(port: watched.master())], FoldParameters())
            let faults = truth.faults(of: told)
            #expect(
                faults.isEmpty,
                "round \(round): \(faults.count) of \(told.acknowledged.count): \(faults.first ?? "")"
            )
            #expect(told.acknowledged.count > 100)
            if rounds > 1 {
                print(
                    "\(fault), round \(round): \(told.acknowledged.count), \(faults.count) faults")
            }
        }
        let log = services[0].stopAndReadLog()
        #expect(log.contains("mymaster"), "\(log)")
        let (status, output) = try Programs.run(
            Programs.folder + "/tidemark", ["log", "verify", watched.url])
        #expect(status == 0, "\(output)")
    }

    @Test("a master that no sentinel knows, and sentinels that are away, are told as that")
    func saysWhy() throws {
        let watched = try Watched()
        let other = try RunningService([
            "STORE": watched.url.replacingOccurrences(of: "mymaster", with: "other"),
            "THREADS": "1",
        ])
        try watched.wait("it says so") {
            try other.get("/ready").body.contains("knows no master other")
        }
        let away = try RunningService([
            "STORE": "redis-sentinel://127.0.0.1:\(try freePort())/mymaster", "THREADS": "1",
        ])
        try watched.wait("it says so") { try away.get("/ready").body.contains("the sentinel at") }
    }
}
