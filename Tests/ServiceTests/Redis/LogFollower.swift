import Detection
import Foundation
import Redis
import Store
import TestSupport

/// Reads streams while they are written, so that what is trimmed later has been seen.
final class LogFollower: @unchecked Sendable {
    private struct Series {
        var entries: [EntryID: [Sample]] = [:]
    }

    private let port: UInt16
    private let lock = NSLock()
    private var series: [String: Series] = [:]
    private var isStopped = false
    private var failure: String?
    private let group = DispatchGroup()

    /// - Parameter keys: the streams to follow; they need not be there yet.
    init(port: UInt16, devices: Int = 10) throws {
        self.port = port
        let keys = ["tidemark:fleet"] + (0..<devices).map { "tidemark:{device-\($0)}" }
        group.enter()
        Thread.detachNewThread { [self] in
            do { try follow(keys) } catch { lock.withLock { failure = "\(error)" } }
            group.leave()
        }
    }

    deinit { lock.withLock { isStopped = true } }

    private func follow(_ keys: [String]) throws {
        let client = try RedisClient(port: port)
        var last = [String](repeating: "0-0", count: keys.count)
        while !lock.withLock({ isStopped }) {
            let reply = try client.command(["XREAD", "BLOCK", "50", "STREAMS"] + keys + last)
            guard case .array(let streams) = reply else { continue }
            for case .array(let parts) in streams {
                guard case .text(let key) = parts[0], case .array(let elements) = parts[1] else {
                    continue
                }
                let name = String(decoding: key, as: UTF8.self)
                for element in elements {
                    guard let entry = EntryCoding.decode(element) else { continue }
                    if let place = keys.firstIndex(of: name) {
                        last[place] = "\(entry.id.birth)-\(entry.id.number)"
                    }
                    lock.withLock {
                        series[name, default: Series()].entries[entry.id] = entry.samples
                    }
                }
            }
        }
    }

    /// What is wrong with what clients were told, by all that was ever in the log.
    func faults(of told: Told) throws -> [String] {
        usleep(300_000)
        let (series, failure) = lock.withLock { (self.series, self.failure) }
        if let failure { throw Failure(failure) }
        var verdicts: [String: [Int: [String]]] = [:]
        for (key, one) in series {
            let device =
                key == "tidemark:fleet" ? "" : String(key.dropFirst("tidemark:{".count).dropLast())
            let parameters = FoldParameters()
            var fold = SeriesFold(parameters)
            for (_, samples) in one.entries.sorted(by: { $0.key < $1.key }) {
                for sample in samples {
                    let verdict = fold.fold(sample, parameters)
                    verdicts[device, default: [:]][Int(sample.timestamp), default: []].append(
                        LogTruth.text(verdict, device))
                }
            }
        }
        return told.acknowledged.compactMap { timestamp, answer in
            let own = verdicts[answer.device]?[timestamp] ?? []
            guard let verdict = answer.verdict, own != [verdict] else { return nil }
            return "\(answer.device) \(timestamp): \(verdict) is not \(own)"
        }
    }
}
