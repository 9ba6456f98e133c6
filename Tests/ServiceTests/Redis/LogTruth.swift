import Bytes
import Detection
import Foundation
import Redis
@testable import SeriesLog
import TestSupport
import Wire

/// What the logs in Redis hold, folded once in order: the verdicts a single process that never
/// fails would have given.
final class LogTruth {
    private let parameters: FoldParameters
    private var folds: [String: OwnedFold] = [:]
    private var hasFleetLog = false
    /// Of each log.
    private var clocks: [String: Int] = [:]
    private var keys: Set<UInt64> = []
    /// By series and timestamp, the members of each verdict as they stand in an answer.
    private(set) var verdicts: [String: [Int: [String]]] = [:]
    private(set) var samples = 0

    private final class OwnedFold {
        var fold: SeriesFold
        init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }
    }

    init(_ parameters: FoldParameters = FoldParameters()) { self.parameters = parameters }

    /// Folds all that the logs hold now.
    /// - Parameter clients: a way to each server that holds a part of the logs.
    convenience init(_ clients: [RedisClient], _ parameters: FoldParameters) throws {
        self.init(parameters)
        let keys = try clients.map { try LogTruth.logs($0) }
        hasFleetLog = keys.contains { $0.contains("tm:{fleet}") }
        for (client, held) in zip(clients, keys) {
            for key in held { try fold(client, key: key) }
        }
    }

    /// The keys of the logs that a server holds.
    static func logs(_ client: RedisClient) throws -> [String] {
        guard case .array(let found) = try client.command("KEYS", "tm:{*}") else { return [] }
        return found.compactMap { reply in
            guard case .text(let key) = reply, key.last == UInt8(ascii: "}") else { return nil }
            return String(decoding: key, as: UTF8.self)
        }
    }

    private func fold(_ client: RedisClient, key: String) throws {
        var after = "-"
        while true {
            guard
                case .array(let page) = try client.command(
                    "XRANGE", key, after, "+", "COUNT", "500")
            else { break }
            for element in page { after = "(" + (try take(element, of: key)) }
            if page.count < 500 { break }
        }
    }

    /// Folds an entry `[id, [field, value]]`.
    /// - Returns: its ID.
    @discardableResult
    func take(_ element: Reply, of key: String) throws -> String {
        guard case .array(let parts) = element, case .text(let id) = parts[0],
            case .array(let fields) = parts[1], case .text(let bytes) = fields[1]
        else { throw Failure("\(key): an entry that is none") }
        var turn = DecodedTurn()
        do {
            try turn.decode(bytes.span)
        } catch {
            throw Failure("\(key): \(error)")
        }
        clocks[key] = max(clocks[key] ?? 0, turn.head.arrival)
        let number = EntryID(id.span)?.number ?? 0
        let arrival = SampleArrival(entry: number, milliseconds: clocks[key] ?? 0)
        for part in turn.parts {
            if part.kind == .end { continue }
            if part.kind == .keyedSamples, !keys.insert(part.key).inserted { continue }
            for item in part.items {
                let offset = Int(turn.items[item])
                let name = bytes.span.nameRange(ofSampleAt: offset)
                let device = String(decoding: bytes[name], as: UTF8.self)
                fold(bytes.span.sample(at: offset), device, at: arrival)
                // One log alone has the fleet's series too.
                if !device.isEmpty, !hasFleetLog {
                    fold(bytes.span.sample(at: offset), "", at: arrival)
                }
                samples += 1
            }
        }
        return String(decoding: id, as: UTF8.self)
    }

    private func fold(_ sample: Sample, _ device: String, at arrival: SampleArrival) {
        let owned = folds[device] ?? OwnedFold(parameters)
        folds[device] = owned
        let verdict = owned.fold.fold(sample, parameters, at: arrival)
        verdicts[device, default: [:]][Int(sample.timestamp), default: []].append(
            LogTruth.text(verdict, device))
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
        var rps = 0.0
        var cpu = 0.0
    }

    var acknowledged: [Int: Answer] = [:]
    var unavailable = 0
    /// The answers 503, by their bodies.
    var reasons: [String: Int] = [:]
    /// Connections that broke before an answer: replicas that were killed.
    var broken = 0
    /// Requests that were sent again, and answers that said that they were stored before.
    var retries = 0
    var duplicates = 0
    /// Answers that are neither 2xx nor 503.
    var strange: [String] = []

    mutating func add(_ other: Told) {
        acknowledged.merge(other.acknowledged) { $1 }
        unavailable += other.unavailable
        reasons.merge(other.reasons) { $0 + $1 }
        broken += other.broken
        retries += other.retries
        duplicates += other.duplicates
        strange += other.strange
    }
}
