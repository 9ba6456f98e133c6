internal import Bytes
package import HTTP

/// A query that says something this service can't take.
package struct QueryError: Error, Equatable {
    package let detail: StaticString

    package static func == (left: QueryError, right: QueryError) -> Bool {
        "\(left.detail)" == "\(right.detail)"
    }
}

/// Which verdicts a batch's answer lists.
package enum VerdictSelection: Equatable {
    case all, flagged, none
}

/// The parameters of a request target (`?name=value&…`), percent-decoded; names this service does
/// not know are ignored, as proxies and browsers add their own.
package struct Query: Equatable {
    package var verdicts = VerdictSelection.flagged
    package var deviceID: [UInt8]?
    package var after: [UInt8]?
    package var limit: Int?
    package var alertsOnly = false
    /// Of lines of the line protocol; nil for one that is not known, which other paths ignore.
    package var precision: LineProtocol.Precision? = .nanoseconds
    /// What only GET /series and GET /incidents take. A query that has none of it stays small.
    package var bounds: [QueryBound] = []

    private static let badDevice = QueryError(
        detail: "device_id: allowed is 1 to 128 bytes of UTF-8, no control characters, %-encoded")
    private static let badAfter = QueryError(
        detail: "after: allowed is a device's name as in device_id, percent-encoded")

    private static let badFrom = QueryError(
        detail: "from: allowed is a time in Unix seconds, or of RFC 3339, percent-encoded")
    private static let badSince = QueryError(
        detail: "since: allowed is a time in Unix seconds, or of RFC 3339, percent-encoded")
    package static let badID = QueryError(
        detail: "id: allowed is an incident's ID as GET /incidents tells it, percent-encoded")
    package static let badSequence = QueryError(
        detail: "sequence: a sample's number in its series is needed, a whole number from 1 on")
    private static let badTo = QueryError(
        detail: "to: allowed is a time in Unix seconds, or of RFC 3339, percent-encoded")

    package static let badPrecision = QueryError(
        detail: "precision: allowed is ns, us, ms, s, m or h")

    /// Most rows one page may have.
    package static let pageLimit = 1000
    package static let defaultPage = 100

    package init() {}

    /// Parses the query of a head that was parsed from `bytes`.
    package init(_ range: ByteRange, _ bytes: Span<UInt8>) throws(QueryError) {
        var start = range.start
        while start < range.end {
            var end = start
            while end < range.end, bytes[end] != UInt8(ascii: "&") { end += 1 }
            var equals = start
            while equals < end, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
            try read(
                ByteRange(start, equals), value: ByteRange(min(equals + 1, end), end), in: bytes)
            start = end + 1
        }
    }

    private mutating func read(
        _ name: ByteRange, value: ByteRange, in bytes: Span<UInt8>
    ) throws(QueryError) {
        if bytes.spells(name, "verdicts") {
            verdicts = try selection(value, bytes)
        } else if bytes.spells(name, "device_id") {
            deviceID = try deviceName(value, bytes, fault: Query.badDevice)
        } else if bytes.spells(name, "after") {
            after = try nameOrID(value, bytes)
        } else if bytes.spells(name, "limit") {
            limit = try number(
                value, bytes, upTo: Query.pageLimit, fault: "limit: allowed is 1 to 1000")
        } else if bytes.spells(name, "alerts") {
            alertsOnly = try boolean(value, bytes)
        } else if bytes.spells(name, "precision") {
            precision = LineProtocol.Precision(bytes.extracting(value))
        } else if bytes.spells(name, "from") {
            bounds.append(.from(try time(value, bytes, fault: Query.badFrom)))
        } else if bytes.spells(name, "to") {
            bounds.append(.to(try time(value, bytes, fault: Query.badTo)))
        } else if bytes.spells(name, "since") {
            bounds.append(.since(try time(value, bytes, fault: Query.badSince)))
        } else if bytes.spells(name, "state") {
            bounds.append(.state(try state(value, bytes)))
        } else if bytes.spells(name, "id") {
            bounds.append(.id(try incident(value, bytes)))
        } else if bytes.spells(name, "sequence") {
            bounds.append(.sequence(try sequence(value, bytes)))
        } else if bytes.spells(name, "points") {
            let points = try number(
                value, bytes, upTo: SeriesQuery.pointLimit, fault: "points: allowed is 1 to 2000")
            bounds.append(.points(points))
        } else if bytes.spells(name, "alert_threshold") {
            bounds.append(.alertThreshold(try threshold(value, bytes)))
        }
    }

    private func selection(_ value: ByteRange, _ bytes: Span<UInt8>)
        throws(QueryError) -> VerdictSelection
    {
        if bytes.spells(value, "all") { return .all }
        if bytes.spells(value, "flagged") { return .flagged }
        if bytes.spells(value, "none") { return .none }
        throw QueryError(detail: "verdicts: allowed is all, flagged or none")
    }

    private func state(
        _ value: ByteRange, _ bytes: Span<UInt8>
    ) throws(QueryError) -> IncidentFilter.State {
        if bytes.spells(value, "open") { return .open }
        if bytes.spells(value, "closed") { return .closed }
        if bytes.spells(value, "all") { return .all }
        throw QueryError(detail: "state: allowed is open, closed or all")
    }

    private func incident(
        _ value: ByteRange, _ bytes: Span<UInt8>
    ) throws(QueryError) -> IncidentID {
        let encoded = bytes.extracting(value.start..<value.end)
        guard let decoded = PercentEncoding.decode(encoded, plusIsSpace: true),
            let id = IncidentID(decoded)
        else { throw Query.badID }
        return id
    }

    /// A device's name, or an incident's ID, which may be longer.
    private func nameOrID(
        _ value: ByteRange, _ bytes: Span<UInt8>
    ) throws(QueryError) -> [UInt8] {
        if let id = try? incident(value, bytes) { return Array(id.text.utf8) }
        return try deviceName(value, bytes, fault: Query.badAfter)
    }

    private func sequence(
        _ value: ByteRange, _ bytes: Span<UInt8>
    ) throws(QueryError) -> Int {
        guard let number = parseDecimal(bytes.extracting(value.start..<value.end)),
            (1..<1e15).contains(number), number == number.rounded()
        else { throw Query.badSequence }
        return Int(number)
    }

    private func boolean(_ value: ByteRange, _ bytes: Span<UInt8>) throws(QueryError) -> Bool {
        if bytes.spells(value, "true") { return true }
        if bytes.spells(value, "false") { return false }
        throw QueryError(detail: "alerts: allowed is true or false")
    }

    private func number(
        _ value: ByteRange, _ bytes: Span<UInt8>, upTo limit: Int, fault: StaticString
    ) throws(QueryError) -> Int {
        var result = 0
        for index in value.start..<value.end {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10, result < 1_000_000 else { result = 0; break }
            result = result * 10 + Int(digit)
        }
        guard (1...limit).contains(result) else { throw QueryError(detail: fault) }
        return result
    }

    /// Unix seconds, in any of the units that a sample's timestamp may have, or RFC 3339.
    private func time(
        _ value: ByteRange, _ bytes: Span<UInt8>, fault: QueryError
    ) throws(QueryError) -> Double {
        let encoded = bytes.extracting(value.start..<value.end)
        // A plus is part of a number, and of a zone.
        guard let decoded = PercentEncoding.decode(encoded, plusIsSpace: false) else { throw fault }
        if let seconds = TimeText.parse(decoded.span) { return seconds }
        guard let number = parseDecimal(decoded.span), number >= 0,
            number < SampleDecoder.timestampLimit
        else { throw fault }
        return SampleDecoder.seconds(number)
    }

    private func threshold(
        _ value: ByteRange, _ bytes: Span<UInt8>
    ) throws(QueryError) -> Double {
        guard let number = parseDecimal(bytes.extracting(value.start..<value.end)),
            Settings.alertThresholds.contains(number)
        else { throw QueryError(detail: "alert_threshold: allowed is 0.1 to 1000") }
        return number
    }

    private func deviceName(_ value: ByteRange, _ bytes: Span<UInt8>, fault: QueryError)
        throws(QueryError) -> [UInt8]
    {
        let encoded = bytes.extracting(value.start..<value.end)
        guard let decoded = PercentEncoding.decode(encoded, plusIsSpace: true),
            DeviceName.isValid(decoded.span)
        else { throw fault }
        return decoded
    }
}
