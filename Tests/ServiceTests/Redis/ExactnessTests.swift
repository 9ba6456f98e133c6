import Detection
import Foundation
import TestSupport
import Testing

/// Replicas over one Redis say what one process that never fails would have said.
@Suite(.serialized) struct ExactnessTests {
    /// Entries are kept, so that the test can fold the whole log.
    private static let keepAll = ["REDIS_HISTORY": "67108864"]

    private func compare(
        _ settings: [String: String], windowSize: Int, plan: LogTraffic.Plan, replicas: Int = 3
    ) throws {
        let redis = try RunningRedis()
        let all = settings.merging(ExactnessTests.keepAll) { $1 }
            .merging(["STORE": redis.url, "REDIS_TIMEOUT": "20s"]) { $1 }
        let services = try (0..<replicas).map { _ in try RunningService(all) }
        let traffic = LogTraffic(plan, ports: services.map(\.port))
        traffic.start()
        let told = traffic.wait()
        var parameters = FoldParameters()
        parameters.windowSize = windowSize
        let truth = try LogTruth([try redis.client()], parameters)
        let faults = truth.faults(of: told)
        #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        #expect(told.strange.isEmpty, "\(told.strange.first ?? "")")
        #expect(told.unavailable == 0 && told.broken == 0)
        #expect(told.acknowledged.count == plan.clients * plan.samples)
    }

    @Test("every verdict of three replicas is the log's, bit for bit")
    func isExact() throws {
        var plan = LogTraffic.Plan()
        plan.samples = 25_000
        plan.batchPercent = 10
        plan.batchSize = 250
        try compare([:], windowSize: 50, plan: plan)
    }

    @Test("the same with a window of 5")
    func isExactWithSmallWindows() throws {
        var plan = LogTraffic.Plan()
        plan.samples = 4000
        plan.seed = 2
        try compare(
            ["WINDOW_SIZE": "5"], windowSize: 5, plan: plan)
    }

    @Test("replicas that join late fold from a checkpoint and say the same")
    func joinsLate() throws {
        let redis = try RunningRedis()
        let settings = [
            "STORE": redis.url, "REDIS_TIMEOUT": "20s", "THREADS": "1",
        ]
        let follower = try LogFollower(port: redis.port)
        var told = Told()
        for round in 0..<4 {
            // Each round is served by replicas that know nothing.
            let services = try (0..<2).map { _ in try RunningService(settings) }
            var plan = LogTraffic.Plan()
            plan.samples = 1500
            plan.devices = 40
            plan.seed = UInt64(10 + round)
            let traffic = LogTraffic(plan, ports: services.map(\.port))
            traffic.start()
            told = traffic.wait()
            #expect(told.unavailable == 0 && told.broken == 0 && told.strange.isEmpty)
            #expect(told.acknowledged.count == 8 * 1500)
            let faults = try follower.faults(of: told)
            #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        }
        let client = try redis.client()
        #expect(try client.integer("GET", "tm:{0}:trim") != 0, "the log is trimmed")
        #expect(try client.integer("EXISTS", "tm:{0}:f") == 1)
        #expect(try client.integer("ZCARD", "tm:{0}:d") == 40)
    }

    @Test("replicas whose clients keep to their devices read no checkpoints")
    func sticks() throws {
        let redis = try RunningRedis()
        let services = try (0..<2).map { _ in
            try RunningService(["STORE": redis.url, "THREADS": "1", "REDIS_TIMEOUT": "20s"])
        }
        for service in services {
            while try service.get("/ready").status != 200 { usleep(2000) }
        }
        var plan = LogTraffic.Plan()
        plan.clients = 2
        plan.samples = 2000
        plan.devices = 20
        plan.fleetPercent = 0
        plan.isSticky = true
        let traffic = LogTraffic(plan, ports: services.map(\.port))
        traffic.start()
        let told = traffic.wait()
        #expect(told.acknowledged.count == 4000)
        for service in services {
            let metrics = try service.get("/metrics").body
            #expect(metrics.contains("redis_checkpoints_read_total 0\n"))
        }
    }
}
