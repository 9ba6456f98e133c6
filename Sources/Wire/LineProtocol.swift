internal import Bytes
internal import Detection

/// The line protocol of InfluxDB, as Telegraf and its like send it:
///
///     measurement,tag=value field=value,field=value timestamp
///
/// A line is a sample when it has a field `rps` or `value`; its device is named by the tag
/// `device_id`, else `device`, else `host`.
package enum LineProtocol {
    /// The unit of timestamps, as `precision=` says it.
    package enum Precision: Sendable, Equatable {
        case nanoseconds, microseconds, milliseconds, seconds, minutes, hours

        init?(_ word: Span<UInt8>) {
            switch String(decoding: word.indices.map { word[$0] }, as: UTF8.self) {
            case "ns", "n": self = .nanoseconds
            case "us", "u": self = .microseconds
            case "ms": self = .milliseconds
            case "s": self = .seconds
            case "m": self = .minutes
            case "h": self = .hours
            default: return nil
            }
        }

        /// Unix seconds. Dividing a whole number rounds once, so a decimal time is that time.
        func seconds(_ time: Int) -> Double {
            switch self {
            case .nanoseconds: Double(time) / 1e9
            case .microseconds: Double(time) / 1e6
            case .milliseconds: Double(time) / 1e3
            case .seconds: Double(time)
            case .minutes: Double(time) * 60
            case .hours: Double(time) * 3600
            }
        }
    }

    /// What a line says.
    struct Line {
        var sample = Sample(timestamp: 0, cpu: Sample.notMeasured, rps: 0)
        var device: [UInt8] = []
        var isValue = false
    }

    private enum Number {
        case found(Double)
        /// A text or a truth value.
        case other
    }

    /// Fields that are looked at.
    private struct Fields {
        var rps: Number?
        var value: Number?
        var cpu: Number?
        var active: Number?
        var idle: Number?
    }

    /// Reads one line without its end.
    /// - Parameters:
    ///   - start: where it begins in its body, for faults.
    ///   - now: Unix seconds, for a line without a time.
    /// - Returns: nil for a line that holds no sample: a comment, or other fields.
    static func line(
        _ bytes: Span<UInt8>, from start: Int, _ precision: Precision, now: Double
    ) throws(SampleError) -> Line? {
        var reader = Reader(bytes, start)
        reader.skipSpaces()
        if reader.isAtEnd || reader.peek == UInt8(ascii: "#") { return nil }
        guard !reader.word(until: ", ").isEmpty else { throw reader.fault("no measurement") }
        let device = try tags(&reader)
        reader.skipSpaces()
        let fields = try fields(&reader)
        reader.skipSpaces()
        var line = Line()
        line.sample.timestamp = now
        if !reader.isAtEnd { line.sample.timestamp = try time(&reader, precision) }
        guard let number = fields.rps ?? fields.value else { return nil }
        line.isValue = fields.rps == nil
        let name = line.isValue ? "value" : "rps"
        guard case .found(let rps) = number else {
            throw SampleError(.wrongType, "\(name): must be a number", at: start)
        }
        guard rps >= 0 || line.isValue else {
            throw SampleError(.outOfRange, "rps: must be a finite number >= 0", at: start)
        }
        line.sample.rps = rps
        line.sample.cpu = try cpu(fields, at: start)
        guard device.isEmpty || DeviceName.isValid(device.span) else {
            throw SampleError(.outOfRange, "device_id: \(DeviceName.rule)", at: start)
        }
        line.device = device
        return line
    }

    private static func cpu(_ fields: Fields, at start: Int) throws(SampleError) -> Double {
        let value: Double
        switch (fields.cpu, fields.active, fields.idle) {
        case (.found(let cpu), _, _): value = cpu
        case (nil, .found(let active), _): value = active
        // Rounding of the sender's shares may leave a little less than nothing.
        case (nil, nil, .found(let idle)): value = max(0, 100 - idle)
        case (nil, nil, nil): return Sample.notMeasured
        default: throw SampleError(.wrongType, "cpu: must be a number", at: start)
        }
        guard value >= 0 else {
            throw SampleError(.outOfRange, "cpu: must be a finite number >= 0", at: start)
        }
        return value
    }

    /// - Returns: the name of the device; empty for none.
    private static func tags(_ reader: inout Reader) throws(SampleError) -> [UInt8] {
        var device: [UInt8] = []
        var rank = names.count
        while reader.take(UInt8(ascii: ",")) {
            let name = reader.word(until: "=, ")
            guard !name.isEmpty, reader.take(UInt8(ascii: "=")) else {
                throw reader.fault("a tag is name=value")
            }
            let value = reader.word(until: ", ")
            if let found = names.firstIndex(of: name), found < rank, !value.isEmpty {
                device = value
                rank = found
            }
        }
        return device
    }

    private static let names = ["device_id", "device", "host"].map { Array($0.utf8) }

    private static func fields(_ reader: inout Reader) throws(SampleError) -> Fields {
        var fields = Fields()
        repeat {
            let name = reader.word(until: "=, ")
            guard !name.isEmpty, reader.take(UInt8(ascii: "=")) else {
                throw reader.fault("a field is name=value")
            }
            let number = try number(&reader)
            switch String(decoding: name, as: UTF8.self) {
            case "rps": fields.rps = number
            case "value": fields.value = number
            case "cpu": fields.cpu = number
            case "usage_active": fields.active = number
            case "usage_idle": fields.idle = number
            default: break
            }
        } while reader.take(UInt8(ascii: ","))
        return fields
    }

    private static func number(_ reader: inout Reader) throws(SampleError) -> Number {
        if reader.peek == UInt8(ascii: "\"") {
            guard reader.skipText() else { throw reader.fault("a text has no end") }
            return .other
        }
        var word = reader.word(until: ", ")
        if truths.contains(String(decoding: word, as: UTF8.self)) { return .other }
        if word.last == UInt8(ascii: "i") || word.last == UInt8(ascii: "u") { word.removeLast() }
        guard let value = parseDecimal(word.span), value.isFinite else {
            throw reader.fault("a field's value is no number, text or truth value")
        }
        return .found(value)
    }

    private static let truths: Set<String> = [
        "t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE",
    ]

    private static func time(
        _ reader: inout Reader, _ precision: Precision
    ) throws(SampleError) -> Double {
        let word = reader.word(until: " ")
        reader.skipSpaces()
        guard let time = Int(String(decoding: word, as: UTF8.self)), reader.isAtEnd, time >= 0,
            precision.seconds(time) <= SampleDecoder.millisecondBound
        else { throw reader.fault("the timestamp is no Unix time of the precision") }
        return precision.seconds(time)
    }

    /// A line ends at a line feed that is not inside a text. A text is the value of a field; in
    /// names and tags a quotation mark is a character like others.
    static func end(ofLineAt start: Int, in body: Span<UInt8>) -> Int {
        var hasFields = false
        var isInText = false
        var plainEnd: Int?
        var index = start
        while index < body.count {
            let byte = body[index]
            if byte == 0x0A {
                if !isInText { return index }
                plainEnd = plainEnd ?? index
            } else if byte == UInt8(ascii: "\\"), index + 1 < body.count, body[index + 1] != 0x0A {
                index += 1
            } else if byte == UInt8(ascii: "\"") {
                if isInText {
                    isInText = false
                } else if hasFields, body[index - 1] == UInt8(ascii: "=") {
                    isInText = true
                }
            } else if byte == 0x20 {
                hasFields = true
            }
            index += 1
        }
        // A text without an end spoils its own line only.
        return isInText ? plainEnd ?? body.count : body.count
    }

    /// Goes through a line.
    private struct Reader: ~Escapable {
        private let bytes: Span<UInt8>
        private let start: Int
        private var offset = 0

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>, _ start: Int) {
            self.bytes = bytes
            self.start = start
        }

        var isAtEnd: Bool { offset == bytes.count }
        var peek: UInt8? { isAtEnd ? nil : bytes[offset] }

        func fault(_ detail: String) -> SampleError {
            SampleError(.syntax, detail, at: start + offset)
        }

        @_lifetime(self: copy self)
        mutating func skipSpaces() {
            while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x0D {
                offset += 1
            }
        }

        @_lifetime(self: copy self)
        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            offset += 1
            return true
        }

        /// The bytes up to one of these, without the backslashes that escape.
        @_lifetime(self: copy self)
        mutating func word(until ends: StaticString) -> [UInt8] {
            var word: [UInt8] = []
            while offset < bytes.count {
                let byte = bytes[offset]
                if byte == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                    [0x20, 0x2C, 0x3D, 0x5C].contains(bytes[offset + 1])
                {
                    word.append(bytes[offset + 1])
                    offset += 2
                    continue
                }
                if Reader.holds(ends, byte) || byte == 0x0D { break }
                word.append(byte)
                offset += 1
            }
            return word
        }

        private static func holds(_ ends: StaticString, _ byte: UInt8) -> Bool {
            // SAFETY: the buffer is that of a static string.
            ends.withUTF8Buffer { buffer in unsafe buffer.contains(byte) }
        }

        /// - Returns: false for a text without an end.
        @_lifetime(self: copy self)
        mutating func skipText() -> Bool {
            offset += 1
            while offset < bytes.count {
                let byte = bytes[offset]
                offset += byte == UInt8(ascii: "\\") && offset + 1 < bytes.count ? 2 : 1
                if byte == UInt8(ascii: "\"") { return true }
            }
            return false
        }
    }
}

extension SampleBatch {
    /// Decodes lines of the line protocol. The index of a sample is its line's number, from 1.
    /// - Returns: how many lines hold no sample.
    package mutating func decode(
        lines body: Span<UInt8>, _ precision: LineProtocol.Precision, now: Double
    ) -> Int {
        removeAll()
        var ignored = 0
        var number = 0
        var start = 0
        while start < body.count {
            number += 1
            if isGivenUp(number - 1) {
                reject(.givenUp, index: number)
                break
            }
            let end = LineProtocol.end(ofLineAt: start, in: body)
            do throws(SampleError) {
                let line = try LineProtocol.line(
                    body.extracting(start..<end), from: start, precision, now: now)
                if let line {
                    add(line, number: number)
                } else {
                    ignored += 1
                }
            } catch {
                reject(error, index: number)
            }
            start = end + 1
        }
        return ignored
    }

    private mutating func add(_ line: LineProtocol.Line, number: Int) {
        var decoded = DecodedSample()
        decoded.sample = line.sample
        decoded.isValue = line.isValue
        decoded.index = number
        add(decoded, device: line.device.span)
    }
}
