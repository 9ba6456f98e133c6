import Foundation
import TestSupport

/// Samples of some devices that carry on as ever, and then do not, sent to all replicas in turn.
/// The same in every run, with times of their own: by the clock of a busy machine some would come
/// late, and that is news too.
struct FleetTraffic {
    private var noise: UInt64 = 20_260_101
    private var seconds = 1_700_000_000
    private let devices = 12

    /// One round: a batch and a single sample to each replica, one that is refused, and the
    /// readings.
    mutating func round(_ services: [RunningService], isAnomalous: Bool) throws {
        for service in services {
            seconds += 1
            let lines = (0..<devices).map { line("device-\($0)", isAnomalous) }
            try expect(service.post("/metrics", lines.joined(separator: "\n")), 200)
            try expect(service.post("/ingest", line(nil, isAnomalous)), 202)
            try expect(service.post("/ingest", #"{"cpu":1,"rps":"many"}"#), 400)
            try expect(service.get("/analyze"), 200)
            try expect(service.get("/stats"), 200)
        }
    }

    /// Loads between 95 and 105. The noise is Knuth's MMIX generator: what repeats itself in a
    /// series is a shape, and a break in it is rightly an alert.
    private mutating func line(_ device: String?, _ isAnomalous: Bool) -> String {
        noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let load = (95 + Double(noise >> 40) / Double(1 << 24) * 10) * (isAnomalous ? 30 : 1)
        let name = device.map { "\"device_id\":\"\($0)\"," } ?? ""
        return "{\(name)\"timestamp\":\(seconds),\"cpu\":\(load / 4),\"rps\":\(load)}"
    }

    private func expect(_ response: Response, _ status: Int) throws {
        guard response.status == status else {
            throw Failure("\(response.status) instead of \(status): \(response.body)")
        }
    }
}
