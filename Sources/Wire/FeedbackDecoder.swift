internal import Bytes

/// Reads the body of a feedback: `{"real":true,"note":"…"}`.
package enum FeedbackDecoder {
    package struct Fault: Error, Equatable {
        package let detail: String
    }

    /// - Parameter now: in Unix milliseconds.
    package static func decode(
        _ body: Span<UInt8>, now: Int
    ) throws(Fault) -> IncidentFeedback {
        var cursor = JSONCursor(body)
        do throws(JSONError) {
            return try decode(&cursor, now: now)
        } catch {
            throw Fault(detail: "\(error.problem.description) at byte \(error.offset)")
        }
    }

    private static func decode(
        _ cursor: inout JSONCursor, now: Int
    ) throws(JSONError) -> IncidentFeedback {
        var isReal: Bool?
        var note = ByteBuffer(limit: 2 * IncidentFeedback.noteLimit)
        try cursor.expect(UInt8(ascii: "{"))
        if !cursor.take(UInt8(ascii: "}")) {
            repeat {
                let name = try cursor.string()
                try cursor.expect(UInt8(ascii: ":"))
                if cursor.matches(name, "real") {
                    isReal = try boolean(&cursor)
                } else if cursor.matches(name, "note") {
                    let text = try cursor.string()
                    note.removeAll()
                    cursor.decode(text, into: &note)
                } else {
                    try cursor.skipValue()
                }
            } while cursor.take(UInt8(ascii: ","))
            try cursor.expect(UInt8(ascii: "}"))
        }
        try cursor.expectEnd()
        guard let isReal, note.count <= IncidentFeedback.noteLimit else {
            throw cursor.unexpected()
        }
        return IncidentFeedback(isReal: isReal, note: note.readable.copied, toldAt: now)
    }

    private static func boolean(_ cursor: inout JSONCursor) throws(JSONError) -> Bool {
        if cursor.peek() == UInt8(ascii: "t") {
            try cursor.literal("true")
            return true
        }
        try cursor.literal("false")
        return false
    }
}
