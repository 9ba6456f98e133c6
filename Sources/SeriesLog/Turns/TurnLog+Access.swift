internal import Bytes
package import Detection

/// What a driver asks for while it carries a flight.
extension TurnLog {
    /// The store has no such log: it is to be made.
    package var isMissing: Bool {
        mutating get {
            if case .opening(let opening) = standing { opening.isMissing } else { false }
        }
    }

    /// The bytes of the entry that is under way; empty when there is none.
    package var turnBytes: [UInt8] {
        mutating get { own.last?.bytes ?? [] }
    }

    /// Samples and ends in the entry that is under way.
    package var appendedItems: Int {
        mutating get { own.last?.items.count ?? 0 }
    }

    /// The first entry of a new log, which holds nothing.
    package var emptyTurn: [UInt8] {
        mutating get {
            var bytes = ByteBuffer(limit: TurnCoding.headBytes)
            bytes.append(
                TurnHead(
                    mark: TurnMark(writer: settings.writer, number: 0), arrival: unixMilliseconds,
                    trimmedTo: 1, isTrimming: false, foldVersion: TurnLog.foldVersion))
            return Array(bytes.readable)
        }
    }
}

extension TurnCoding {
    /// The samples of an entry, in their order; nil when the bytes are no entry.
    package static func samples(_ bytes: Span<UInt8>) -> [Sample]? {
        var turn = DecodedTurn()
        guard (try? turn.decode(bytes)) != nil else { return nil }
        var samples: [Sample] = []
        for part in turn.parts where part.kind != .end {
            for item in part.items { samples.append(bytes.sample(at: Int(turn.items[item]))) }
        }
        return samples
    }
}
