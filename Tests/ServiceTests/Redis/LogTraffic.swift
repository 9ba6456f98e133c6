import Foundation
import Glibc
import Numerics
import TestSupport

/// Clients that send samples to replicas, one request at a time each, and keep what they are told.
final class LogTraffic: @unchecked Sendable {
    struct Plan {
        var clients = 8
        /// Samples of each client, at most.
        var samples = 1000
        var devices = 200
        /// Percent of the samples without a device.
        var fleetPercent = 30
        /// Percent of the requests that carry many.
        var batchPercent = 20
        var batchSize = 40
        /// Every client keeps to devices and a replica of its own.
        var isSticky = false
        /// Requests have keys, and are sent again, to any replica, until they are stored.
        var isKeyed = false
        var seed: UInt64 = 1
    }

    private let plan: Plan
    private let ports: [UInt16]
    private let lock = NSLock()
    private var told = Told()
    private var isStopped = false
    private let group = DispatchGroup()

    init(_ plan: Plan, ports: [UInt16]) {
        self.plan = plan
        self.ports = ports
    }

    func start() {
        for client in 0..<plan.clients {
            group.enter()
            Thread.detachNewThread { [self] in
                var one = LogClient(plan, number: client, ports: ports) {
                    self.lock.withLock { self.isStopped }
                }
                let result = one.run()
                lock.withLock { told.add(result) }
                group.leave()
            }
        }
    }

    /// Lets the clients finish what they are at, and returns what they were told.
    func stop() -> Told {
        lock.withLock { isStopped = true }
        return wait()
    }

    /// Waits until all samples are sent.
    func wait() -> Told {
        group.wait()
        return told
    }
}

private struct LogClient {
    private let plan: LogTraffic.Plan
    private let number: Int
    private let ports: [UInt16]
    private let isStopped: () -> Bool
    private var random: SeededRandom
    private var connection: RawClient?
    private var told = Told()
    private var nextPort: Int

    init(
        _ plan: LogTraffic.Plan, number: Int, ports: [UInt16],
        isStopped: @escaping () -> Bool
    ) {
        self.plan = plan
        self.number = number
        self.ports = ports
        self.isStopped = isStopped
        random = SeededRandom(seed: plan.seed &* 1000 &+ UInt64(number))
        nextPort = number
    }

    mutating func run() -> Told {
        var sent = 0
        while sent < plan.samples, !isStopped() {
            let isBatch = below(100) < plan.batchPercent
            let count = isBatch ? min(plan.batchSize, plan.samples - sent) : 1
            send((sent..<sent + count).map { sample($0) }, isBatch: isBatch)
            sent += count
        }
        return told
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private struct Sample {
        let timestamp: Int
        let device: String
        let rps: Int
        let cpu: Int

        var text: String {
            var text = "{\"timestamp\":\(timestamp),\"rps\":\(rps),\"cpu\":\(cpu)"
            if !device.isEmpty { text += ",\"device_id\":\"\(device)\"" }
            return text + "}"
        }

        func answer(_ verdict: String?) -> Told.Answer {
            Told.Answer(device: device, verdict: verdict, rps: Double(rps), cpu: Double(cpu))
        }
    }

    private mutating func sample(_ index: Int) -> Sample {
        // In the past: what is ahead of its arrival tells the detector no time.
        let timestamp = 1_000_000_000 + Int(plan.seed) * 20_000_000 + number * 1_000_000 + index
        var device = ""
        if below(100) >= plan.fleetPercent {
            let place = below(plan.devices)
            device = plan.isSticky ? "device-\(number)-\(place)" : "device-\(place)"
        }
        let rps = below(100) == 0 ? 5000 : 100 + below(50)
        return Sample(timestamp: timestamp, device: device, rps: rps, cpu: below(100))
    }

    private mutating func send(_ samples: [Sample], isBatch: Bool) {
        let key = plan.isKeyed ? "\(plan.seed)-\(number)-\(samples[0].timestamp)" : nil
        while !attempt(samples, isBatch: isBatch, key: key), key != nil {
            told.retries += 1
            nextPort += 1
            connection = nil
        }
    }

    /// - Returns: whether it is stored, for all that the client knows.
    private mutating func attempt(_ samples: [Sample], isBatch: Bool, key: String?) -> Bool {
        let body = samples.map(\.text).joined(separator: "\n") + (isBatch ? "\n\n" : "")
        do {
            if connection == nil {
                connection = try RawClient(port: ports[nextPort % ports.count])
            }
            try connection?.write(
                RunningService.post(
                    isBatch && samples.count > 1 ? "/ingest?verdicts=all" : "/ingest", body,
                    headers: key.map { "Idempotency-Key: \($0)\r\n" } ?? ""))
            guard let response = try connection?.response() else { return false }
            take(response, samples)
            return response.status == 202
        } catch {
            connection = nil
            told.broken += 1
            if !plan.isSticky { nextPort += 1 }
            usleep(2000)
            return false
        }
    }

    private mutating func take(_ response: Response, _ samples: [Sample]) {
        switch response.status {
        case 202 where response.body.contains("\"duplicate\":true"):
            told.duplicates += 1
            // Those that are new have verdicts with their places; the others are stored.
            for sample in samples {
                told.acknowledged[sample.timestamp] = sample.answer(nil)
            }
        case 202:
            let verdicts = LogClient.verdicts(response.body)
            if verdicts.count != samples.count { told.strange.append(response.body) }
            for (sample, verdict) in zip(samples, verdicts) {
                told.acknowledged[sample.timestamp] = sample.answer(verdict)
            }
        case 503:
            if response.headers["retry-after"] == nil { told.strange.append("no Retry-After") }
            told.unavailable += 1
            told.reasons[response.body, default: 0] += 1
            // A client that is told to come again does not come at once.
            usleep(5000)
        default: told.strange.append("\(response.status) \(response.body)")
        }
    }

    /// The members of each verdict in an answer, as they stand there.
    private static func verdicts(_ body: String) -> [String] {
        let text = Array(body.utf8)
        let head = Array("{\"status\":\"accepted\",".utf8)
        let list = Array("\"verdicts\":[".utf8)
        guard text.starts(with: head) else { return [] }
        var offset = head.count
        guard text[offset...].starts(with: list) else {
            return [String(decoding: text[offset..<text.count - 1], as: UTF8.self)]
        }
        offset += list.count
        var found: [String] = []
        while text[offset] == UInt8(ascii: "{") {
            // Past {"index":N,
            guard let comma = text[offset...].firstIndex(of: UInt8(ascii: ",")),
                let end = text[comma...].firstIndex(of: UInt8(ascii: "}"))
            else { break }
            found.append(String(decoding: text[comma + 1..<end], as: UTF8.self))
            offset = end + 1
            if text[offset] == UInt8(ascii: ",") { offset += 1 }
        }
        return found
    }
}
