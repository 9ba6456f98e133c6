internal import SeriesLog
import Bytes
import Wire
import Detection
import Foundation
import Redis
import Store
import TestSupport

/// What the log in Redis holds, folded once in order: the verdicts a single process that never
/// fails would have given.
struct LogTruth {
    /// By series and timestamp, the members of each verdict as they stand in an answer.
    private(set) var verdicts: [String: [Int: [String]]] = [:]
    private(set) var samples = 0

    /// - Parameter clients: a way to each server that holds a part of the log.
    init(_ clients: [RedisClient], _ parameters: FoldParameters) throws {
        for client in clients {
            guard case .array(let keys) = try client.command("KEYS", "tidemark:*") else { continue }
            for case .text(let key) in keys {
                let name = String(decoding: key, as: UTF8.self)
                guard name == "tidemark:fleet" || name.hasPrefix("tidemark:{") else { continue }
                try fold(client, key: name, parameters)
            }
        }
    }

    private mutating func fold(
        _ client: RedisClient, key: String, _ parameters: FoldParameters
    ) throws {
        let device =
            key == "tidemark:fleet" ? "" : String(key.dropFirst("tidemark:{".count).dropLast())
        var fold = SeriesFold(parameters)
        var after = "-"
        var found: [Int: [String]] = [:]
        while true {
            guard
                case .array(let page) = try client.command(
                    "XRANGE", key, after, "+", "COUNT", "500")
            else { break }
            for element in page {
                guard let entry = EntryCoding.decode(element) else {
                    throw Failure("\(key): an entry that is none")
                }
                after = "(\(entry.id.birth)-\(entry.id.number)"
                for sample in entry.samples {
                    let verdict = fold.fold(sample, parameters)
                    found[Int(sample.timestamp), default: []].append(
                        LogTruth.text(verdict, device))
                    samples += 1
                }
            }
            if page.count < 500 { break }
        }
        verdicts[device] = found
    }

    static func text(_ verdict: Verdict, _ device: String) -> String {
        var text = ByteBuffer(limit: 4096)
        text.append(verdict, device: Array(device.utf8).span)
        return String(decoding: Array(text.readable), as: UTF8.self)
    }

    /// What is wrong with what a client was told; empty when nothing is.
    func faults(of told: Told) -> [String] {
        var faults: [String] = []
        for (timestamp, answer) in told.acknowledged {
            let own = verdicts[answer.device]?[timestamp] ?? []
            let fleet = verdicts[""]?[timestamp] ?? []
            if own.count != 1 || fleet.count != 1 {
                faults.append(
                    "\(answer.device) \(timestamp): acknowledged, but \(own.count) times in its "
                        + "series and \(fleet.count) times in the fleet's")
            } else if let verdict = answer.verdict, verdict != own[0] {
                faults.append("\(answer.device) \(timestamp): \(verdict) is not \(own[0])")
            }
        }
        return faults
    }
}

/// What clients were told of their samples, by timestamp; every sample has one of its own.
struct Told {
    struct Answer {
        let device: String
        /// nil when only the acceptance matters.
        let verdict: String?
    }

    var acknowledged: [Int: Answer] = [:]
    var unavailable = 0
    /// The answers 503, by their bodies.
    var reasons: [String: Int] = [:]
    /// Connections that broke before an answer: replicas that were killed.
    var broken = 0
    /// Answers that are neither 2xx nor 503.
    var strange: [String] = []

    mutating func add(_ other: Told) {
        acknowledged.merge(other.acknowledged) { $1 }
        unavailable += other.unavailable
        reasons.merge(other.reasons) { $0 + $1 }
        broken += other.broken
        strange += other.strange
    }
}
