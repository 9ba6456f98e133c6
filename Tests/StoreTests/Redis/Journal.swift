import Detection
import Redis

@testable import SeriesLog

/// Where each sample was written, and what became of that.
final class Journal {
    final class Record {
        let key: String
        let id: EntryID
        /// The server that has it, and as which of its changes.
        var server: Int
        var offset: Int
        /// A failover or a flush has undone it.
        var isLost = false
        /// A flush did; what replicas have does not help.
        var isFlushed = false

        init(key: String, id: EntryID, server: Int, offset: Int) {
            self.key = key
            self.id = id
            self.server = server
            self.offset = offset
        }
    }

    private(set) var records: [Record] = []
    /// By the samples' timestamps, which are unique in a simulation.
    private(set) var bySample: [Int: [Record]] = [:]

    static func isLog(_ key: String) -> Bool { key.hasPrefix("tm:{") && key.hasSuffix("}") }

    func note(_ words: Words, _ server: ModelServer) {
        guard text(words[0]) == "XADD", Journal.isLog(text(words[1])) else { return }
        let place = words.count == 5 ? words[2] : words[3]
        let bytes = words[words.count - 1]
        guard let id = EntryID(place.span), let samples = TurnCoding.samples(bytes.span)
        else { return }
        let record = Record(
            key: text(words[1]), id: id, server: server.index, offset: server.offset)
        record.isLost = server.isZombie
        records.append(record)
        for sample in samples { bySample[Int(sample.timestamp), default: []].append(record) }
    }

    func lose(after offset: Int, of server: Int, next: Int) {
        for record in records where record.server == server && !record.isLost {
            if record.offset > offset { record.isLost = true } else { record.server = next }
        }
    }

    func loseAll(of server: Int) {
        for record in records where record.server == server {
            record.isLost = true
            record.isFlushed = true
        }
    }

    func move(_ key: String, from server: Int, to target: ModelServer) {
        for record in records where record.server == server && record.key == key {
            record.server = target.index
            record.offset = target.offset
        }
    }

    /// The writer and the timestamps of an entry.
    static func shown(_ bytes: [UInt8]) -> String {
        var turn = DecodedTurn()
        guard (try? turn.decode(bytes.span)) != nil, let samples = TurnCoding.samples(bytes.span)
        else { return "(\(bytes.count) bytes)" }
        let mark = turn.head.mark
        let times = samples.prefix(12).map { String(Int($0.timestamp) % 100_000) }
        return "<\(mark.writer).\(mark.number): \(times.joined(separator: ","))"
            + (samples.count > 12 ? "… \(samples.count)>" : ">")
    }
}
