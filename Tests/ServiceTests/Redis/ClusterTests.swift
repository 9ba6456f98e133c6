import Detection
import Foundation
import Redis
import Store
import TestSupport
import Testing

/// The log spread over a real Redis Cluster.
@Suite(.serialized) struct ClusterTests {
    private func services(_ cluster: RunningCluster, timeout: String) throws -> [RunningService] {
        try (0..<2).map { _ in
            try RunningService([
                "STORE": cluster.url, "THREADS": "1", "REDIS_TIMEOUT": timeout,
                "REDIS_HISTORY": "67108864",
            ])
        }
    }

    private func plan(_ seed: UInt64) -> LogTraffic.Plan {
        var plan = LogTraffic.Plan()
        plan.clients = 6
        plan.samples = 1_000_000
        plan.devices = 60
        plan.seed = seed
        return plan
    }

    private func expectNothingLost(_ told: Told, _ cluster: RunningCluster) throws {
        let faults = try LogTruth(try cluster.masters(), FoldParameters()).faults(of: told)
        #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        #expect(told.strange.isEmpty, "\(told.strange.first ?? "")")
        #expect(told.acknowledged.count > 500)
    }

    /// Pages of a few devices make up the whole list, whichever log each of them is in; the one
    /// that was active last comes first.
    private func expectPages(_ service: RunningService) throws {
        func rows(_ path: String) throws -> [[String: Any]] {
            try service.get(path).json["devices"] as? [[String: Any]] ?? []
        }
        let all = try rows("/devices?limit=1000")
        var paged: [String] = []
        while paged.count <= 60 {
            let after = paged.last.map { "&after=\($0)" } ?? ""
            let page = try rows("/devices?limit=7" + after)
            paged += page.compactMap { $0["device_id"] as? String }
            if page.count < 7 { break }
        }
        #expect(all.count == 60 && paged == all.map { $0["device_id"] as? String })
    }

    private let fleetSlot = SlotMap.slot(ofKey: Array("tm:{fleet}".utf8).span)

    @Test(
        "slots that move while samples come in: every verdict is the log's",
        arguments: ["ip", "unknown-endpoint"])
    func movesSlots(names: String) throws {
        let cluster = try RunningCluster(names: names)
        let services = try services(cluster, timeout: "20s")
        let traffic = LogTraffic(plan(1), ports: services.map(\.port))
        traffic.start()
        usleep(500_000)
        let logs = try cluster.masters().flatMap { try LogTruth.logs($0) }
        #expect(logs.count == 4, "a log for each of three masters, and the fleet's: \(logs)")
        let ofDevices = logs.first { $0 != "tm:{fleet}" } ?? ""
        for slot in [fleetSlot, SlotMap.slot(ofKey: Array(ofDevices.utf8).span)] {
            for _ in 0..<2 {
                let owner = try cluster.master(of: slot)
                try cluster.move(slot, to: (owner + 1) % 3)
            }
        }
        usleep(500_000)
        let told = traffic.stop()
        #expect(told.unavailable == 0 && told.broken == 0, "\(told.reasons)")
        try expectNothingLost(told, cluster)
        let metrics = try services[0].get("/metrics").body
        #expect(!metrics.contains("redis_commands_total{outcome=\"redirected\"} 0\n"))
        let listed = try services[1].get("/devices?limit=1000")
        #expect(listed.number("total") == 60)
        try expectPages(services[1])
    }

    @Test("a master that is killed takes nothing with it that was acknowledged")
    func killsMaster() throws {
        let cluster = try RunningCluster()
        let services = try services(cluster, timeout: "500ms")
        let traffic = LogTraffic(plan(2), ports: services.map(\.port))
        traffic.start()
        usleep(1_000_000)
        let victim = try cluster.master(of: fleetSlot)
        cluster.nodes[victim].kill()
        try RunningCluster.wait("a replica takes over") {
            try cluster.master(of: fleetSlot) != victim
        }
        // The cluster serves again; within two seconds so does the service.
        try RunningCluster.wait("the cluster serves") {
            let promoted = try cluster.nodes[cluster.master(of: fleetSlot)].client()
            return try promoted.integer("XLEN", "tm:{fleet}") > 0
        }
        var isBack = false
        for _ in 0..<200 where !isBack {
            isBack = try services[0].post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 202
            if !isBack { usleep(10_000) }
        }
        #expect(isBack)
        usleep(700_000)
        let told = traffic.stop()
        #expect(told.unavailable > 0)
        try expectNothingLost(told, cluster)
    }
}
