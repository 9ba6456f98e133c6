internal import Bytes
internal import Detection

/// Prometheus remote write 1.0: a `WriteRequest` of protocol buffers, as its specification
/// defines it.
package enum RemoteWrite {
    /// Which metrics are the two halves of a sample, and which label names the device.
    package struct Names: Sendable, Equatable {
        /// nil: every series is a device of its own, and its samples are values.
        package var rps: String?
        package var cpu: String?
        package var device = "instance"

        package init() {}
    }

    /// What a request held besides samples.
    package struct Counts: Equatable {
        /// cpu without an rps of the same device and time.
        package var unpaired = 0
        /// Samples of other metrics.
        package var ignored = 0

        package init() {}
    }

    /// What marks the end of a series; it is no sample.
    private static let staleMarker: UInt64 = 0x7FF0_0000_0000_0002
    /// Labels of a series: far more than Prometheus sends.
    private static let labelLimit = 256

    /// A series of a request: its labels, and where its samples lie.
    struct Series {
        var labels: [(name: [UInt8], value: [UInt8])] = []
        var samples: [(value: Double, milliseconds: Int)] = []

        func label(_ name: String) -> [UInt8]? {
            let name = Array(name.utf8)
            return labels.first { $0.name == name }?.value
        }
    }

    // MARK: Protocol buffers

    static func series(_ body: Span<UInt8>) throws(SampleError) -> [Series] {
        var found: [Series] = []
        var hasOthers = false
        var samples = 0
        var reader = Reader(body, 0..<body.count)
        while let (field, value) = try reader.next() {
            guard field == 1, case .bytes(let range) = value else {
                hasOthers = true
                continue
            }
            let one = try series(body, range)
            samples += one.samples.count
            guard found.count < SampleBatch.sampleLimit, samples <= SampleBatch.sampleLimit else {
                throw SampleError(
                    .batchTooLong,
                    "a request holds at most \(SampleBatch.sampleLimit) series and samples",
                    at: range.lowerBound)
            }
            found.append(one)
        }
        guard !found.isEmpty || !hasOthers else {
            throw SampleError(.syntax, "the body is no WriteRequest of remote write 1.0", at: 0)
        }
        return found
    }

    private static func series(
        _ body: Span<UInt8>, _ range: Range<Int>
    ) throws(SampleError) -> Series {
        var series = Series()
        var reader = Reader(body, range)
        while let (field, value) = try reader.next() {
            guard case .bytes(let inner) = value else { continue }
            switch field {
            case 1:
                guard series.labels.count < labelLimit else {
                    throw SampleError(
                        .outOfRange, "a series has at most \(labelLimit) labels",
                        at: inner.lowerBound)
                }
                series.labels.append(try label(body, inner))
            case 2:
                guard series.samples.count <= SampleBatch.sampleLimit else { return series }
                series.samples.append(try sample(body, inner))
            default: break
            }
        }
        return series
    }

    private static func label(
        _ body: Span<UInt8>, _ range: Range<Int>
    ) throws(SampleError) -> (name: [UInt8], value: [UInt8]) {
        var label: (name: [UInt8], value: [UInt8]) = ([], [])
        var reader = Reader(body, range)
        while let (field, value) = try reader.next() {
            guard case .bytes(let text) = value else { continue }
            if field == 1 { label.name = text.map { body[$0] } }
            if field == 2 { label.value = text.map { body[$0] } }
        }
        return label
    }

    private static func sample(
        _ body: Span<UInt8>, _ range: Range<Int>
    ) throws(SampleError) -> (value: Double, milliseconds: Int) {
        var sample = (value: 0.0, milliseconds: 0)
        var reader = Reader(body, range)
        while let (field, value) = try reader.next() {
            if field == 1, case .word(let bits) = value {
                sample.value = Double(bitPattern: bits)
            }
            if field == 2, case .number(let number) = value {
                sample.milliseconds = Int(Int64(bitPattern: number))
            }
        }
        return sample
    }

    private enum Value {
        case number(UInt64)
        case word(UInt64)
        case bytes(Range<Int>)
    }

    /// Goes through the fields of a message.
    private struct Reader: ~Escapable {
        private let bytes: Span<UInt8>
        private let end: Int
        private var offset: Int

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
            self.bytes = bytes
            offset = range.lowerBound
            end = range.upperBound
        }

        @_lifetime(self: copy self)
        mutating func next() throws(SampleError) -> (field: UInt64, Value)? {
            guard offset < end else { return nil }
            let tag = try number()
            switch tag & 7 {
            case 0: return (tag >> 3, .number(try number()))
            case 1: return (tag >> 3, .word(try word(8)))
            case 2:
                let length = try number()
                guard length <= UInt64(end - offset) else { throw malformed() }
                let range = offset..<offset + Int(length)
                offset = range.upperBound
                return (tag >> 3, .bytes(range))
            case 5: return (tag >> 3, .word(try word(4)))
            default: throw malformed()
            }
        }

        private func malformed() -> SampleError {
            SampleError(.syntax, "malformed protocol buffer", at: offset)
        }

        @_lifetime(self: copy self)
        private mutating func number() throws(SampleError) -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while offset < end, shift < 70 {
                let byte = bytes[offset]
                offset += 1
                if shift < 64 { value |= UInt64(byte & 0x7F) << shift }
                if byte & 0x80 == 0 { return value }
                shift += 7
            }
            throw malformed()
        }

        @_lifetime(self: copy self)
        private mutating func word(_ count: Int) throws(SampleError) -> UInt64 {
            guard end - offset >= count else { throw malformed() }
            var word: UInt64 = 0
            for index in 0..<count { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
            offset += count
            return word
        }
    }

    // MARK: Devices

    /// The name of a series that is a device of its own: its metric and labels, as Prometheus
    /// writes them. A longer one ends with a hash of the whole.
    static func name(of series: Series) -> [UInt8] {
        var name = series.label("__name__") ?? []
        let labels = series.labels.filter { $0.name != Array("__name__".utf8) }
        if !labels.isEmpty {
            name.append(UInt8(ascii: "{"))
            for (index, label) in labels.enumerated() {
                if index > 0 { name.append(UInt8(ascii: ",")) }
                name += label.name + Array("=\"".utf8)
                for byte in label.value {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                        name.append(UInt8(ascii: "\\"))
                    }
                    name.append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
                }
                name.append(UInt8(ascii: "\""))
            }
            name.append(UInt8(ascii: "}"))
        }
        guard name.count > DeviceName.byteLimit else { return name }
        let hash = String(RequestKey(name.span).piece(0), radix: 16)
        var end = DeviceName.byteLimit - 17
        // Not in the middle of a character.
        while end > 0, name[end] & 0xC0 == 0x80 { end -= 1 }
        return name[..<end] + [UInt8(ascii: "#")] + Array(hash.utf8)
    }

    static func isStale(_ value: Double) -> Bool { value.bitPattern == staleMarker }
}

extension SampleBatch {
    /// Decodes a request of remote write. The index of a sample is its place among all of the
    /// request, from 0.
    package mutating func decode(
        remoteWrite body: Span<UInt8>, _ names: RemoteWrite.Names
    ) throws(SampleError) -> RemoteWrite.Counts {
        removeAll()
        let series = try RemoteWrite.series(body)
        guard let rps = names.rps else {
            var index = 0
            for one in series {
                let name = RemoteWrite.name(of: one)
                for sample in one.samples {
                    take(sample, device: name, cpu: Sample.notMeasured, isValue: true, index)
                    index += 1
                }
            }
            return RemoteWrite.Counts()
        }
        return join(series, rps: rps, names)
    }

    private struct Moment: Hashable {
        let device: [UInt8]
        let milliseconds: Int
    }

    private mutating func join(
        _ series: [RemoteWrite.Series], rps: String, _ names: RemoteWrite.Names
    ) -> RemoteWrite.Counts {
        var counts = RemoteWrite.Counts()
        var cpus: [Moment: Double] = [:]
        let (load, second) = (Array(rps.utf8), names.cpu.map { Array($0.utf8) })
        for one in series where second != nil && one.label("__name__") == second {
            let device = one.label(names.device) ?? []
            for sample in one.samples where !RemoteWrite.isStale(sample.value) {
                cpus[Moment(device: device, milliseconds: sample.milliseconds)] = sample.value
            }
        }
        var index = 0
        for one in series where one.label("__name__") == load {
            let device = one.label(names.device) ?? []
            for sample in one.samples {
                let moment = Moment(device: device, milliseconds: sample.milliseconds)
                let cpu = cpus.removeValue(forKey: moment) ?? Sample.notMeasured
                take(sample, device: device, cpu: cpu, isValue: false, index)
                index += 1
            }
        }
        counts.unpaired = cpus.count
        for one in series where one.label("__name__") != load && one.label("__name__") != second {
            counts.ignored += one.samples.count
        }
        return counts
    }

    private mutating func take(
        _ sample: (value: Double, milliseconds: Int), device: [UInt8], cpu: Double, isValue: Bool,
        _ index: Int
    ) {
        guard !RemoteWrite.isStale(sample.value) else { return }
        let name = isValue ? "value" : "rps"
        guard sample.value.isFinite, sample.value >= 0 || isValue else {
            return reject(
                SampleError(
                    .outOfRange, "\(name): must be a finite number\(isValue ? "" : " >= 0")", at: 0),
                index: index)
        }
        guard cpu.isFinite, cpu >= 0 || cpu == Sample.notMeasured else {
            return reject(
                SampleError(.outOfRange, "cpu: must be a finite number >= 0", at: 0), index: index)
        }
        let seconds = Double(sample.milliseconds) / 1_000
        guard seconds >= 0, seconds <= SampleDecoder.millisecondBound else {
            return reject(
                SampleError(.outOfRange, "timestamp: must be Unix time in ms", at: 0), index: index)
        }
        guard device.isEmpty || DeviceName.isValid(device.span) else {
            return reject(
                SampleError(.outOfRange, "device_id: \(DeviceName.rule)", at: 0), index: index)
        }
        var decoded = DecodedSample()
        decoded.sample = Sample(timestamp: seconds, cpu: cpu, rps: sample.value)
        decoded.isValue = isValue
        decoded.index = index
        add(decoded, device: device.span)
    }
}
