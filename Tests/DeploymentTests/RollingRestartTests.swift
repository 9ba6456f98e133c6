import Foundation
import Glibc
import TestSupport
import Testing

/// Replicas behind a proxy that come and go under load, as they do when a version is rolled out or
/// an autoscaler decides.
@Suite(.serialized) struct RollingRestartTests {
    private static let rate = 2000

    /// Replicas on ports that the proxy knows from the start; not all of them are always there.
    private final class Fleet {
        let redis: RunningRedis
        let proxy: RunningProxy
        private let ports: [UInt16]
        private var replicas: [RunningService?]

        init(_ count: Int, of places: Int) throws {
            redis = try RunningRedis()
            ports = try (0..<places).map { _ in try freePort() }
            replicas = Array(repeating: nil, count: places)
            proxy = try RunningProxy(over: ports)
            for place in 0..<count { try start(place) }
        }

        func replica(_ place: Int) throws -> RunningService { try #require(replicas[place]) }

        /// Starts a replica and waits until it is ready.
        func start(_ place: Int) throws {
            let service = try RunningService(
                ["STORE": redis.url, "THREADS": "1", "IDLE_TIMEOUT": "75s"],
                arguments: ["--port", "\(ports[place])"])
            for _ in 0..<500 {
                if (try? service.get("/ready"))?.status == 200 {
                    replicas[place] = service
                    return
                }
                usleep(10_000)
            }
            throw Failure("a replica did not become ready")
        }

        /// Stops a replica as a cluster does, and wants it to end well.
        func stop(_ place: Int) {
            #expect(replicas[place]?.stop() == 0)
            replicas[place] = nil
        }
    }

    /// Sends load while `body` runs; every request is answered well, and every sample is counted.
    private func underLoad(_ fleet: Fleet, seconds: Int, _ body: () throws -> Void) throws {
        let box = Box()
        let port = fleet.proxy.port
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            box.outcome = try? Programs.loadgen(
                port,
                [
                    "--rate", "\(Self.rate)", "--duration", "\(seconds)s", "--devices", "100",
                    "--connections", "64", "--allow-late", "--slo", "errors <= 0%",
                ])
            done.signal()
        }
        usleep(1_000_000)
        let started = Date()
        try body()
        #expect(
            Date().timeIntervalSince(started) < Double(seconds) - 1,
            "the load ended before the replicas had been replaced")
        done.wait()
        let outcome = try #require(box.outcome)
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.number("errors", "total") == 0, "\(fleet.proxy.log)")
        let accepted = outcome.number("statuses", "202")
        #expect(accepted > Double(Self.rate * seconds) * 0.9)
        let total = try fleet.replica(0).get("/analyze").number("total_processed")
        #expect(total == accepted, "acknowledged, but not in the series, or there twice")
    }

    private final class Box: @unchecked Sendable {
        var outcome: LoadOutcome?
    }

    @Test("two replicas are stopped and started again, one after the other, and no client notices")
    func restarts() throws {
        let fleet = try Fleet(2, of: 2)
        // Nobody tells the proxy: it finds a closed port, and later an open one.
        try underLoad(fleet, seconds: 18) {
            for round in 0..<4 {
                fleet.stop(round % 2)
                try fleet.start(round % 2)
                // Longer than the proxy avoids a port that was closed: two seconds, which it counts
                // in whole ones. Before that it would have nobody left to ask.
                usleep(3_500_000)
            }
        }
    }

    @Test("from two replicas to five and back, and no client notices")
    func scales() throws {
        let fleet = try Fleet(2, of: 5)
        try underLoad(fleet, seconds: 16) {
            for place in 2..<5 { try fleet.start(place) }
            // The proxy looks at a closed port again after so long: now all five are asked.
            usleep(3_500_000)
            for place in 2..<5 {
                let served = try fleet.replica(place).get("/metrics").body
                    .split(separator: "\n").first { $0.hasPrefix("samples_total ") }
                #expect(served != nil && served != "samples_total 0", "replica \(place) is idle")
            }
            for place in (2..<5).reversed() {
                fleet.stop(place)
                usleep(700_000)
            }
        }
    }
}
