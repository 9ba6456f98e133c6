package import Bytes
package import Detection
internal import HTTP

/// Why a sample is refused: which field, what is allowed, and at which byte of the body.
package struct SampleError: Error, Equatable {
    /// The class of the fault, for the `reason` label of `samples_rejected_total`.
    package enum Fault: UInt8, CaseIterable, Sendable {
        case syntax, missingField, duplicateField, wrongType, outOfRange, batchTooLong, noRoom

        package var label: StaticString {
            switch self {
            case .syntax: "syntax"
            case .missingField: "missing_field"
            case .duplicateField: "duplicate_field"
            case .wrongType: "wrong_type"
            case .outOfRange: "out_of_range"
            case .batchTooLong: "batch_too_long"
            case .noRoom: "no_room"
            }
        }
    }

    package let fault: Fault
    package let detail: String

    init(_ fault: Fault, _ detail: String, at offset: Int) {
        self.fault = fault
        self.detail = "\(detail) at byte \(offset)"
    }

    /// This sample and those behind it were not decoded.
    static let givenUp = SampleError(
        givenUp:
            "the rest was not decoded: before it came \(SampleBatch.onlyBadLimit) bad samples and no "
            + "good one, or \(SampleBatch.decodedLimit) samples")

    private init(givenUp detail: String) {
        fault = .batchTooLong
        self.detail = detail
    }

    /// The store has no room for the series of a new device.
    static let noRoom = SampleError(noRoom: StoreFailure.noRoom.detail)

    private init(noRoom detail: StaticString) {
        fault = .noRoom
        self.detail = "device_id: \(detail)"
    }

    init(_ error: JSONError) {
        self.init(.syntax, "\(error.problem.description)", at: error.offset)
    }

    /// What is wrong with the JSON of a field's value.
    init(_ error: JSONError, in field: String) {
        self.init(.syntax, "\(field): \(error.problem.description)", at: error.offset)
    }
}

/// A sample as it was sent, and the name of its device among the names of its batch.
package struct DecodedSample {
    package var sample = Sample(timestamp: 0, cpu: 0, rps: 0)
    /// Where the device's name lies in `SampleBatch.names`; empty for the fleet alone.
    package var nameStart = 0
    package var nameLength = 0
    /// The sample's number in its request, from 0; bad samples count too.
    package var index = 0
    /// It was sent as `value`: another metric than the load.
    package var isValue = false
    /// The fleet's series does not take it: bytes and degrees of a device are no load.
    package var isDeviceOnly: Bool { isValue && nameLength > 0 }
}

/// Decodes one sample from JSON.
package enum SampleDecoder {
    /// Timestamps above this many seconds are milliseconds: as seconds it is the year 5138. Above
    /// the next bounds they are microseconds, and nanoseconds.
    static let millisecondBound = 1e11
    static let microsecondBound = 1e14
    static let nanosecondBound = 1e17
    static let timestampLimit = 1e20

    /// A field whose name is spelled in another way, or is `value`: where its name and its value
    /// stand.
    private struct Spare {
        var name: UInt32 = 0
        var nameLength: UInt8 = 0
        /// A field of the same spelling came before.
        var isRepeated = false
        /// 0 where there is none.
        var value: UInt32 = 0

        var isThere: Bool { value > 0 }

        /// Takes the next one, in the place of the one before.
        mutating func take(_ name: JSONText, value: Int, in bytes: Span<UInt8>) {
            let length = name.end - name.start
            var isSame = isThere && length == Int(nameLength)
            for index in 0..<length where isSame {
                isSame = bytes[Int(self.name) + index] == bytes[name.start + index]
            }
            if isSame { isRepeated = true }
            self.name = UInt32(truncatingIfNeeded: name.start)
            nameLength = UInt8(truncatingIfNeeded: length)
            self.value = UInt32(truncatingIfNeeded: value)
        }
    }

    /// Fields that are taken when those of the exact names are missing; of each the last that came.
    private struct Spares {
        var rps = Spare()
        var value = Spare()
        var cpu = Spare()
        var timestamp = Spare()
        var device = Spare()
        var isEmpty = true
    }

    private enum Field: UInt8 {
        case timestamp = 1
        case cpu = 2
        case rps = 4
        case device = 8
        case value = 16
        case unknown = 0
    }

    /// Reads the object at the cursor.
    /// - Parameters:
    ///   - now: Unix seconds, for a sample without a timestamp.
    ///   - names: takes the device's name, decoded.
    @_lifetime(cursor: copy cursor)
    package static func decode(
        _ cursor: inout JSONCursor, now: Double, names: inout ByteBuffer
    ) throws(SampleError) -> DecodedSample {
        var decoded = DecodedSample()
        var seen: UInt8 = 0
        var spares = Spares()
        guard cursor.take(UInt8(ascii: "{")) else {
            throw SampleError(.wrongType, "a sample must be a JSON object", at: cursor.offset)
        }
        decoded.sample.timestamp = now
        decoded.sample.cpu = Sample.notMeasured
        decoded.nameStart = names.count
        if !cursor.take(UInt8(ascii: "}")) {
            repeat {
                try member(
                    &cursor, into: &decoded, seen: &seen, spares: &spares, names: &names)
            } while cursor.take(UInt8(ascii: ","))
            guard cursor.take(UInt8(ascii: "}")) else { throw SampleError(cursor.unexpected()) }
        }
        if !spares.isEmpty {
            try take(spares, &cursor, into: &decoded, seen: &seen, names: &names)
        }
        guard seen & Field.rps.rawValue != 0 else {
            throw SampleError(.missingField, "rps: required field is missing", at: cursor.offset)
        }
        return decoded
    }

    @_lifetime(cursor: copy cursor)
    @inline(__always)
    private static func member(
        _ cursor: inout JSONCursor, into decoded: inout DecodedSample, seen: inout UInt8,
        spares: inout Spares, names: inout ByteBuffer
    ) throws(SampleError) {
        guard cursor.peek() == UInt8(ascii: "\"") else { throw SampleError(cursor.unexpected()) }
        let nameOffset = cursor.offset
        let name: JSONText
        do { name = try cursor.string() } catch {
            return try skipStrangeMember(&cursor, from: nameOffset)
        }
        guard cursor.take(UInt8(ascii: ":")) else { throw SampleError(cursor.unexpected()) }
        let field = field(cursor, name)
        guard field != .unknown else {
            return try skipUnknown(&cursor, called: name, &spares)
        }
        guard seen & field.rawValue == 0 else {
            throw SampleError(.duplicateField, "\(label(field)): duplicate field", at: nameOffset)
        }
        seen |= field.rawValue
        try value(of: field, &cursor, into: &decoded, names: &names)
    }

    @_lifetime(cursor: copy cursor)
    @inline(__always)
    private static func value(
        of field: Field, _ cursor: inout JSONCursor, into decoded: inout DecodedSample,
        names: inout ByteBuffer
    ) throws(SampleError) {
        switch field {
        case .rps: decoded.sample.rps = try number(&cursor, field)
        case .cpu: decoded.sample.cpu = try number(&cursor, field)
        case .timestamp: try timestamp(&cursor, &decoded)
        case .device: try device(&cursor, into: &decoded, names: &names)
        case .value:
            decoded.sample.rps = try number(&cursor, field)
            decoded.isValue = true
        case .unknown: break
        }
    }

    // MARK: Other fields

    /// Skips the value of a field of another name. It is not judged: only its end must be found.
    @_lifetime(cursor: copy cursor)
    @inline(never)
    private static func skipUnknown(
        _ cursor: inout JSONCursor, called name: JSONText, _ spares: inout Spares
    ) throws(SampleError) {
        _ = cursor.peek()
        let start = cursor.offset
        let field = spareField(cursor, name)
        switch field {
        case .rps: spares.rps.take(name, value: start, in: cursor.bytes)
        case .value: spares.value.take(name, value: start, in: cursor.bytes)
        case .cpu: spares.cpu.take(name, value: start, in: cursor.bytes)
        case .timestamp: spares.timestamp.take(name, value: start, in: cursor.bytes)
        case .device: spares.device.take(name, value: start, in: cursor.bytes)
        case .unknown: break
        }
        if field != .unknown { spares.isEmpty = false }
        do { try cursor.skipLoosely() } catch { throw SampleError(error) }
    }

    /// Skips a member whose name is no proper string: no field is called so.
    @_lifetime(cursor: copy cursor)
    @inline(never)
    private static func skipStrangeMember(
        _ cursor: inout JSONCursor, from start: Int
    ) throws(SampleError) {
        cursor.offset = start
        do throws(JSONError) {
            try cursor.skipLoosely()
            try cursor.expect(UInt8(ascii: ":"))
            try cursor.skipLoosely()
        } catch {
            throw SampleError(error)
        }
    }

    /// The field that a name means which differs in ASCII case, as the decoders of Go services
    /// take it; `deviceId`; and `value`, which serves where there is no rps.
    private static func spareField(_ cursor: borrowing JSONCursor, _ name: JSONText) -> Field {
        guard !name.hasEscapes else { return .unknown }
        let range = ByteRange(name.start, name.end)
        switch name.end - name.start {
        case 3:
            if cursor.bytes.spells(range, "rps", ignoringCase: true) { return .rps }
            return cursor.bytes.spells(range, "cpu", ignoringCase: true) ? .cpu : .unknown
        case 5: return cursor.bytes.spells(range, "value", ignoringCase: true) ? .value : .unknown
        case 8:
            return cursor.bytes.spells(range, "deviceid", ignoringCase: true) ? .device : .unknown
        case 9:
            if cursor.bytes.spells(range, "timestamp", ignoringCase: true) { return .timestamp }
            return cursor.bytes.spells(range, "device_id", ignoringCase: true)
                ? .device : .unknown
        default: return .unknown
        }
    }

    @_lifetime(cursor: copy cursor)
    @inline(never)
    private static func take(
        _ spares: Spares, _ cursor: inout JSONCursor, into decoded: inout DecodedSample,
        seen: inout UInt8, names: inout ByteBuffer
    ) throws(SampleError) {
        let end = cursor.offset
        let rps = Field.rps.rawValue
        if seen & rps == 0 { try take(spares.rps, as: .rps) }
        // An rps of any spelling comes before a value.
        if seen & rps == 0 { try take(spares.value, as: .value) }
        if seen & Field.cpu.rawValue == 0 { try take(spares.cpu, as: .cpu) }
        if seen & Field.timestamp.rawValue == 0 { try take(spares.timestamp, as: .timestamp) }
        if seen & Field.device.rawValue == 0 { try take(spares.device, as: .device) }
        cursor.offset = end

        func take(_ spare: Spare, as field: Field) throws(SampleError) {
            guard spare.isThere else { return }
            guard !spare.isRepeated else {
                throw SampleError(
                    .duplicateField, "\(label(field)): duplicate field", at: Int(spare.name) - 1)
            }
            cursor.offset = Int(spare.value)
            try value(of: field, &cursor, into: &decoded, names: &names)
            seen |= field == .value ? rps : field.rawValue
        }
    }

    @inline(__always)
    private static func field(_ cursor: borrowing JSONCursor, _ name: JSONText) -> Field {
        if cursor.matches(name, "rps") { return .rps }
        if cursor.matches(name, "cpu") { return .cpu }
        if cursor.matches(name, "timestamp") { return .timestamp }
        return cursor.matches(name, "device_id") ? .device : .unknown
    }

    private static func label(_ field: Field) -> String {
        switch field {
        case .rps: "rps"
        case .cpu: "cpu"
        case .timestamp: "timestamp"
        case .device: "device_id"
        case .value: "value"
        case .unknown: "field"
        }
    }

    @_lifetime(cursor: copy cursor)
    @inline(__always)
    private static func number(_ cursor: inout JSONCursor, _ field: Field)
        throws(SampleError) -> Double
    {
        let first = cursor.peek() ?? 0
        let offset = cursor.offset
        guard first == UInt8(ascii: "-") || first &- UInt8(ascii: "0") < 10 else {
            if first == UInt8(ascii: "\"") { return try spelledNumber(&cursor, field) }
            if field == .cpu, try isNull(&cursor) { return Sample.notMeasured }
            throw wrongType(&cursor, field, expected: "a number")
        }
        let value: Double
        do { value = try cursor.number() } catch {
            if error.problem == .numberOutOfRange { throw outOfRange(field, at: offset) }
            throw SampleError(error, in: label(field))
        }
        guard value >= 0 || field == .value else { throw outOfRange(field, at: offset) }
        return value
    }

    private static func outOfRange(_ field: Field, at offset: Int) -> SampleError {
        let bound = field == .value ? "" : " >= 0"
        return SampleError(
            .outOfRange, "\(label(field)): must be a finite number\(bound)", at: offset)
    }

    /// A number as the text of a string.
    @_lifetime(cursor: copy cursor)
    @inline(never)
    private static func spelledNumber(
        _ cursor: inout JSONCursor, _ field: Field
    ) throws(SampleError) -> Double {
        let offset = cursor.offset
        let text: JSONText
        do { text = try cursor.string() } catch { throw SampleError(error, in: label(field)) }
        var inner = JSONCursor(cursor.bytes.extracting(0..<text.end), at: text.start)
        let first = inner.peek() ?? 0
        let isNumber = first == UInt8(ascii: "-") || first &- UInt8(ascii: "0") < 10
        guard isNumber, !text.hasEscapes, let value = try? inner.number(), inner.peek() == nil
        else {
            throw SampleError(.wrongType, "\(label(field)): must be a number", at: offset)
        }
        guard value >= 0 || field == .value else { throw outOfRange(field, at: offset) }
        return value
    }

    /// A value of another type: an error of the field, if it is JSON at all.
    @_lifetime(cursor: copy cursor)
    private static func wrongType(
        _ cursor: inout JSONCursor, _ field: Field, expected type: String
    ) -> SampleError {
        let offset = cursor.offset
        do { try cursor.skipValue() } catch { return SampleError(error, in: label(field)) }
        return SampleError(.wrongType, "\(label(field)): must be \(type)", at: offset)
    }

    /// Whether a null comes next, which stands for an optional field that is missing.
    @_lifetime(cursor: copy cursor)
    private static func isNull(_ cursor: inout JSONCursor) throws(SampleError) -> Bool {
        guard cursor.peek() == UInt8(ascii: "n") else { return false }
        do { try cursor.literal("null") } catch { throw SampleError(error) }
        return true
    }

    @_lifetime(cursor: copy cursor)
    private static func timestamp(_ cursor: inout JSONCursor, _ decoded: inout DecodedSample)
        throws(SampleError)
    {
        if try isNull(&cursor) { return }
        _ = cursor.peek()
        let offset = cursor.offset
        if let seconds = try timeText(&cursor) {
            decoded.sample.timestamp = seconds
            return
        }
        let value = try number(&cursor, .timestamp)
        guard value <= timestampLimit else {
            throw SampleError(
                .outOfRange, "timestamp: must be Unix time in s, ms, us or ns, 0 to 1e20",
                at: offset)
        }
        // Clients of the five services send 0 for "now".
        if value > 0 { decoded.sample.timestamp = seconds(value) }
    }

    @inline(__always)
    static func seconds(_ value: Double) -> Double {
        if value <= millisecondBound { return value }
        if value <= microsecondBound { return value / 1e3 }
        return value <= nanosecondBound ? value / 1e6 : value / 1e9
    }

    /// Unix seconds, where a time of RFC 3339 comes next.
    @_lifetime(cursor: copy cursor)
    private static func timeText(_ cursor: inout JSONCursor) throws(SampleError) -> Double? {
        guard cursor.peek() == UInt8(ascii: "\"") else { return nil }
        let start = cursor.offset
        let text: JSONText
        do { text = try cursor.string() } catch { throw SampleError(error, in: "timestamp") }
        // As many bytes as a date has at least: a number with a minus in it is shorter.
        guard text.end - text.start >= 20 else {
            cursor.offset = start
            return nil
        }
        guard !text.hasEscapes,
            let seconds = TimeText.parse(cursor.bytes.extracting(text.start..<text.end))
        else {
            throw SampleError(
                .wrongType, "timestamp: must be Unix time, or a time of RFC 3339 from 1970 on",
                at: start)
        }
        return seconds
    }

    @_lifetime(cursor: copy cursor)
    private static func device(
        _ cursor: inout JSONCursor, into decoded: inout DecodedSample, names: inout ByteBuffer
    ) throws(SampleError) {
        if try isNull(&cursor) { return }
        guard cursor.peek() == UInt8(ascii: "\"") else {
            throw wrongType(&cursor, .device, expected: "a string")
        }
        let offset = cursor.offset
        let text: JSONText
        do { text = try cursor.string() } catch { throw SampleError(error, in: label(.device)) }
        if text.hasEscapes {
            cursor.decode(text, into: &names)
        } else {
            names.append(cursor.bytes.extracting(text.start..<text.end))
        }
        let length = names.count - decoded.nameStart
        // As missing: the Go services echo it so.
        if length == 0 { return }
        let name = names.readable.extracting(decoded.nameStart..<names.count)
        guard DeviceName.isValid(name) else {
            throw SampleError(.outOfRange, "device_id: \(DeviceName.rule)", at: offset)
        }
        decoded.nameLength = length
    }
}
