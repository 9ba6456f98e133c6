package import Bytes
package import Detection

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
}

/// Decodes one sample from JSON.
package enum SampleDecoder {
    /// Timestamps above this many seconds are milliseconds: as seconds it is the year 5138.
    static let millisecondBound = 1e11
    static let timestampLimit = 1e14

    private enum Field: UInt8 {
        case timestamp = 1
        case cpu = 2
        case rps = 4
        case device = 8
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
        guard cursor.take(UInt8(ascii: "{")) else {
            throw SampleError(.wrongType, "a sample must be a JSON object", at: cursor.offset)
        }
        decoded.sample.timestamp = now
        decoded.nameStart = names.count
        if !cursor.take(UInt8(ascii: "}")) {
            repeat {
                try member(&cursor, into: &decoded, seen: &seen, names: &names)
            } while cursor.take(UInt8(ascii: ","))
            guard cursor.take(UInt8(ascii: "}")) else { throw SampleError(cursor.unexpected()) }
        }
        guard seen & Field.rps.rawValue != 0 else {
            throw SampleError(.missingField, "rps: required field is missing", at: cursor.offset)
        }
        guard seen & Field.cpu.rawValue != 0 else {
            throw SampleError(.missingField, "cpu: required field is missing", at: cursor.offset)
        }
        return decoded
    }

    @_lifetime(cursor: copy cursor)
    @inline(__always)
    private static func member(
        _ cursor: inout JSONCursor, into decoded: inout DecodedSample, seen: inout UInt8,
        names: inout ByteBuffer
    ) throws(SampleError) {
        guard cursor.peek() == UInt8(ascii: "\"") else { throw SampleError(cursor.unexpected()) }
        let nameOffset = cursor.offset
        let name: JSONText
        do { name = try cursor.string() } catch { throw SampleError(error) }
        guard cursor.take(UInt8(ascii: ":")) else { throw SampleError(cursor.unexpected()) }
        let field = field(cursor, name)
        guard field != .unknown else {
            do { try cursor.skipValue() } catch { throw SampleError(error) }
            return
        }
        guard seen & field.rawValue == 0 else {
            throw SampleError(.duplicateField, "\(label(field)): duplicate field", at: nameOffset)
        }
        seen |= field.rawValue
        switch field {
        case .rps: decoded.sample.rps = try number(&cursor, field)
        case .cpu: decoded.sample.cpu = try number(&cursor, field)
        case .timestamp: try timestamp(&cursor, &decoded)
        case .device: try device(&cursor, into: &decoded, names: &names)
        case .unknown: break
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
            throw wrongType(&cursor, field, expected: "a number")
        }
        let value: Double
        do { value = try cursor.number() } catch {
            if error.problem == .numberOutOfRange {
                throw SampleError(
                    .outOfRange, "\(label(field)): must be a finite number >= 0", at: offset)
            }
            throw SampleError(error, in: label(field))
        }
        guard value >= 0 else {
            throw SampleError(
                .outOfRange, "\(label(field)): must be a finite number >= 0", at: offset)
        }
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
        let value = try number(&cursor, .timestamp)
        guard value <= timestampLimit else {
            throw SampleError(
                .outOfRange, "timestamp: must be Unix seconds or milliseconds, 0 to 1e14",
                at: offset)
        }
        // Clients of the five services send 0 for "now".
        if value > 0 {
            decoded.sample.timestamp = value > millisecondBound ? value / 1000 : value
        }
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
        let name = names.readable.extracting(decoded.nameStart..<names.count)
        guard DeviceName.isValid(name) else {
            throw SampleError(.outOfRange, "device_id: \(DeviceName.rule)", at: offset)
        }
        decoded.nameLength = length
    }
}
