internal import Bytes

/// What a driver asks for while it carries a flight.
extension TurnLog {
    /// The store has no such log: it is to be made.
    package var isMissing: Bool {
        if case .opening(let opening) = standing { opening.isMissing } else { false }
    }

    /// The bytes of the entry that is under way; empty when there is none.
    package var turnBytes: [UInt8] { own.last?.bytes ?? [] }

    /// The first entry of a new log, which holds nothing.
    package var emptyTurn: [UInt8] {
        var bytes = ByteBuffer(limit: TurnCoding.headBytes)
        bytes.append(
            TurnHead(
                mark: TurnMark(writer: settings.writer, number: 0), arrival: unixMilliseconds,
                trimmedTo: 1, isTrimming: false, foldVersion: TurnLog.foldVersion))
        return Array(bytes.readable)
    }
}
