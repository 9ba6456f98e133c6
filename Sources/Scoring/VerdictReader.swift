package import Bytes

/// Reads the service's answers as far as they are judged.
package enum VerdictReader {
    /// The verdict that answers a single sample.
    package static func single(_ json: Span<UInt8>) throws(JSONError) -> Judgment {
        var cursor = JSONCursor(json)
        let read = try judgment(&cursor)
        try cursor.expectEnd()
        return read.judgment
    }

    /// What a batch's answer says.
    package struct Batch: Equatable {
        package var accepted = 0
        package var rejected = 0
        /// Verdicts by the index of their sample in the batch.
        package var verdicts: [(index: Int, judgment: Judgment)] = []

        package init() {}

        package static func == (left: Batch, right: Batch) -> Bool {
            left.accepted == right.accepted && left.rejected == right.rejected
                && left.verdicts.elementsEqual(right.verdicts) { $0 == $1 }
        }
    }

    package static func batch(_ json: Span<UInt8>) throws(JSONError) -> Batch {
        var cursor = JSONCursor(json)
        var batch = Batch()
        try members(&cursor) { cursor, name throws(JSONError) in
            if cursor.matches(name, "accepted") {
                batch.accepted = count(try cursor.number())
            } else if cursor.matches(name, "rejected") {
                batch.rejected = count(try cursor.number())
            } else if cursor.matches(name, "verdicts") {
                try verdicts(&cursor, &batch)
            } else {
                try cursor.skipValue()
            }
        }
        try cursor.expectEnd()
        return batch
    }

    @_lifetime(cursor: copy cursor)
    private static func verdicts(_ cursor: inout JSONCursor, _ batch: inout Batch)
        throws(JSONError)
    {
        try cursor.expect(UInt8(ascii: "["))
        if cursor.take(UInt8(ascii: "]")) { return }
        repeat {
            let read = try judgment(&cursor)
            batch.verdicts.append((read.index, read.judgment))
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"))
    }

    @_lifetime(cursor: copy cursor)
    private static func judgment(_ cursor: inout JSONCursor)
        throws(JSONError) -> (index: Int, judgment: Judgment)
    {
        var index = 0
        var judgment = Judgment(isAnomaly: false, alert: false, score: 0)
        try members(&cursor) { cursor, name throws(JSONError) in
            if cursor.matches(name, "index") {
                index = count(try cursor.number())
            } else if cursor.matches(name, "is_anomaly") {
                judgment.isAnomaly = try boolean(&cursor)
            } else if cursor.matches(name, "alert") {
                judgment.alert = try boolean(&cursor)
            } else if cursor.matches(name, "score") {
                judgment.score = try cursor.number()
            } else {
                try cursor.skipValue()
            }
        }
        return (index, judgment)
    }

    @_lifetime(cursor: copy cursor)
    private static func members(
        _ cursor: inout JSONCursor, _ member: (inout JSONCursor, JSONText) throws(JSONError) -> Void
    ) throws(JSONError) {
        try cursor.expect(UInt8(ascii: "{"))
        if cursor.take(UInt8(ascii: "}")) { return }
        repeat {
            _ = cursor.peek()
            let name = try cursor.string()
            try cursor.expect(UInt8(ascii: ":"))
            _ = cursor.peek()
            try member(&cursor, name)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
    }

    @_lifetime(cursor: copy cursor)
    private static func boolean(_ cursor: inout JSONCursor) throws(JSONError) -> Bool {
        if cursor.peek() == UInt8(ascii: "t") {
            try cursor.literal("true")
            return true
        }
        try cursor.literal("false")
        return false
    }

    private static func count(_ number: Double) -> Int {
        number >= 0 && number < 1e15 ? Int(number) : 0
    }
}
