package import Bytes
package import Detection

/// The samples of one request, decoded: the good ones in order, the faults of the bad ones.
///
/// One value serves all requests of a worker; it is emptied, not freed, between them.
package struct SampleBatch: ~Copyable {
    /// Samples one request may carry; what follows is listed as rejected. With `verdicts=all` a
    /// batch of this length is answered in some 40 MB, which bounds what a connection can hold.
    package static let sampleLimit = 100_000
    /// Bad samples that a reply lists; the others are only counted.
    package static let listedErrors = 100

    /// After so many bad samples and no good one the rest of a body is not decoded: it would only
    /// cost time.
    package static let onlyBadLimit = 1_000
    /// Samples of a body that are decoded, good and bad together. The rest counts as one bad
    /// sample.
    package static let decodedLimit = 2 * sampleLimit

    package struct Fault {
        package let index: Int
        package let error: SampleError
    }

    package private(set) var samples: [DecodedSample] = []
    package private(set) var names: ByteBuffer
    package private(set) var faults: [Fault] = []
    package private(set) var rejected = 0
    package private(set) var rejectedByFault = [Int](
        repeating: 0, count: SampleError.Fault.allCases.count)
    /// A lone JSON object, which is answered by its verdict alone.
    package private(set) var isSingle = false
    /// What the store says of the samples, in their order; empty until they are stored.
    package var verdicts: [Verdict] = []

    /// What the request is remembered by; nil where it needs not be.
    package var key: RequestKey?
    /// Samples that an earlier request with the same key and body has stored. Each has a verdict
    /// that says nothing, so that the verdicts stand in the order of the samples.
    package private(set) var duplicates = 0
    /// Whether each sample is a duplicate; empty while none is.
    private var duplicateMarks: [Bool] = []

    /// Notes that a sample is stored already.
    package mutating func markDuplicate(_ position: Int) {
        if duplicates == 0 { duplicateMarks = Array(repeating: false, count: samples.count) }
        guard !duplicateMarks[position] else { return }
        duplicateMarks[position] = true
        duplicates += 1
    }

    package func isDuplicate(_ position: Int) -> Bool {
        duplicates > 0 && duplicateMarks[position]
    }

    /// Samples that the store had no room for; they count among the rejected ones.
    package private(set) var refused = 0

    /// Takes out good samples that the store has no room for.
    /// - Parameter places: of the samples, in their order.
    package mutating func refuse(_ places: [Int]) {
        for place in places { reject(.noRoom, index: samples[place].index) }
        guard let first = places.first else { return }
        var next = 0
        var kept = first
        for place in first..<samples.count {
            if next < places.count, places[next] == place {
                next += 1
            } else {
                samples[kept] = samples[place]
                kept += 1
            }
        }
        samples.removeLast(samples.count - kept)
        refused += places.count
    }

    /// Adds the verdict of the next sample. A call is cheaper than access to the array from
    /// another module.
    package mutating func append(_ verdict: Verdict) { verdicts.append(verdict) }

    /// Makes room for the verdicts of all samples, which would else be moved as they come.
    package mutating func reserveVerdicts() { verdicts.reserveCapacity(samples.count) }

    /// Memory that it takes, with its verdicts.
    package var byteCount: Int {
        let each = MemoryLayout<DecodedSample>.stride + MemoryLayout<Verdict>.stride
        return samples.count * each + names.capacity
    }

    package init() {
        names = ByteBuffer(limit: SampleBatch.sampleLimit * (DeviceName.byteLimit + 1))
    }

    /// The device's name; empty for the fleet.
    @_lifetime(borrow self)
    package func name(_ sample: DecodedSample) -> Span<UInt8> {
        names.readable.extracting(sample.nameStart..<sample.nameStart + sample.nameLength)
    }

    /// Decodes a body: one object, objects one after another, or an array of objects. The content
    /// decides. A byte order mark at its start is skipped.
    /// - Throws: when the body shows no samples at all; the batch is empty then.
    package mutating func decode(_ body: Span<UInt8>, now: Double) throws(SampleError) {
        removeAll()
        var cursor = JSONCursor(body, at: SampleBatch.hasByteOrderMark(body) ? 3 : 0)
        switch cursor.peek() {
        case UInt8(ascii: "["): try array(&cursor, now)
        case nil: throw SampleError(.syntax, "the body is empty", at: 0)
        default: try objects(&cursor, now)
        }
    }

    private static func hasByteOrderMark(_ body: Span<UInt8>) -> Bool {
        body.count >= 3 && body[0] == 0xEF && body[1] == 0xBB && body[2] == 0xBF
    }

    /// Gives the samples without a device this one.
    package mutating func nameUnnamed(_ device: Span<UInt8>) {
        var start = -1
        for index in samples.indices where samples[index].nameLength == 0 {
            if start < 0 {
                start = names.count
                names.append(device)
            }
            samples[index].nameStart = start
            samples[index].nameLength = device.count
        }
    }

    /// Empties the batch, and gives back the memory of a large one.
    package mutating func removeAll() {
        samples.removeAll(keepingCapacity: true)
        names.removeAll()
        if !faults.isEmpty { faults.removeAll(keepingCapacity: true) }
        if rejected > 0 {
            for index in rejectedByFault.indices { rejectedByFault[index] = 0 }
        }
        rejected = 0
        isSingle = false
        refused = 0
        key = nil
        if duplicates > 0 {
            duplicates = 0
            duplicateMarks = []
        }
        verdicts.removeAll(keepingCapacity: true)
        if samples.capacity > 4096 {
            // A large batch is rare. What it took is not kept for small ones.
            samples = []
            verdicts = []
            names.releaseMemory()
        }
    }

    /// Adds a sample that was decoded elsewhere; one too many is rejected.
    mutating func add(_ decoded: DecodedSample, device: Span<UInt8>) {
        guard samples.count < SampleBatch.sampleLimit else {
            return reject(
                SampleError(
                    .batchTooLong, "a batch holds at most \(SampleBatch.sampleLimit) samples", at: 0
                ),
                index: decoded.index)
        }
        var decoded = decoded
        decoded.nameStart = names.count
        decoded.nameLength = device.count
        names.append(device)
        samples.append(decoded)
    }

    mutating func reject(_ error: SampleError, index: Int) {
        rejected += 1
        rejectedByFault[Int(error.fault.rawValue)] += 1
        if faults.count < SampleBatch.listedErrors {
            faults.append(Fault(index: index, error: error))
        }
    }

    @_lifetime(cursor: copy cursor)
    private mutating func objects(_ cursor: inout JSONCursor, _ now: Double) throws(SampleError) {
        let start = cursor.offset
        element(&cursor, index: 0, now: now)
        let firstEnd = cursor.offset
        if rejected == 0, cursor.peek() == nil {
            isSingle = true
            return
        }
        var index = 1
        if rejected > 0 { cursor.offset = SampleBatch.end(ofBadObjectAt: start, in: cursor.bytes) }
        while !isGivenUp(index), cursor.peek() != nil {
            let begin = cursor.offset
            let badBefore = rejected
            element(&cursor, index: index, now: now)
            if rejected > badBefore {
                cursor.offset = SampleBatch.end(ofBadObjectAt: begin, in: cursor.bytes)
            }
            index += 1
        }
        if cursor.peek() != nil { reject(.givenUp, index: index) }
        // An object that goes over several lines was meant as one, whatever is wrong with it.
        guard samples.isEmpty, let first = faults.first?.error,
            index == 1 || hasLineBreak(cursor.bytes, before: firstEnd)
        else { return }
        throw refuse(first)
    }

    /// Whether this sample and those behind it are not decoded.
    func isGivenUp(_ index: Int) -> Bool {
        index >= SampleBatch.decodedLimit
            || samples.isEmpty && rejected >= SampleBatch.onlyBadLimit
    }

    /// Where to look for the next object after a bad one: behind its last bracket, or at a line
    /// that begins with an object, whichever comes first.
    private static func end(ofBadObjectAt start: Int, in body: Span<UInt8>) -> Int {
        var depth = 0
        var isInString = false
        var isAtLineStart = false
        var index = start
        while index < body.count {
            let byte = body[index]
            if byte == 0x0A {
                if depth == 0, !isInString { return index + 1 }
                isAtLineStart = true
            } else if byte > 0x20 {
                if isAtLineStart, byte == UInt8(ascii: "{") { return index }
                isAtLineStart = false
                if isInString {
                    if byte == UInt8(ascii: "\\") { index += 1 }
                    if byte == UInt8(ascii: "\"") { isInString = false }
                } else {
                    switch byte {
                    case UInt8(ascii: "\""): isInString = true
                    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                    case UInt8(ascii: "}"), UInt8(ascii: "]"):
                        depth -= 1
                        if depth <= 0 { return index + 1 }
                    default: break
                    }
                }
            }
            index += 1
        }
        return body.count
    }

    /// The body as a whole is one bad sample.
    private mutating func refuse(_ error: SampleError) -> SampleError {
        removeAll()
        rejectedByFault[Int(error.fault.rawValue)] = 1
        rejected = 1
        return error
    }

    /// Whether a line ends between the body's first word and `end`.
    private func hasLineBreak(_ body: Span<UInt8>, before end: Int) -> Bool {
        var cursor = JSONCursor(body)
        _ = cursor.peek()
        var index = cursor.offset
        while index < min(end, body.count), body[index] != 0x0A { index += 1 }
        return index < min(end, body.count)
    }

    /// Decodes one object; a bad one is noted.
    @_lifetime(cursor: copy cursor)
    private mutating func element(
        _ cursor: inout JSONCursor, index: Int, now: Double
    ) {
        let namesBefore = names.count
        do throws(SampleError) {
            guard samples.count < SampleBatch.sampleLimit else {
                throw SampleError(
                    .batchTooLong,
                    "a batch holds at most \(SampleBatch.sampleLimit) samples", at: cursor.offset)
            }
            var sample = try SampleDecoder.decode(&cursor, now: now, names: &names)
            sample.index = index
            samples.append(sample)
        } catch {
            names.truncate(to: namesBefore)
            reject(error, index: index)
        }
    }

    /// An element that is bad is one bad sample. Where nobody can say where the next one begins the
    /// batch ends, and what came before is kept.
    @_lifetime(cursor: copy cursor)
    private mutating func array(_ cursor: inout JSONCursor, _ now: Double) throws(SampleError) {
        var index = 0
        var isBad = false
        do throws(JSONError) {
            cursor.offset += 1
            if !cursor.take(UInt8(ascii: "]")) {
                repeat {
                    _ = cursor.peek()
                    let start = cursor.offset
                    let badBefore = rejected
                    element(&cursor, index: index, now: now)
                    isBad = rejected > badBefore
                    if isBad {
                        cursor.offset = start
                        try cursor.skipLoosely()
                        isBad = false
                    }
                    index += 1
                    if isGivenUp(index), cursor.peek() == UInt8(ascii: ",") {
                        return reject(.givenUp, index: index)
                    }
                } while cursor.take(UInt8(ascii: ","))
                try cursor.expect(UInt8(ascii: "]"))
            }
            try cursor.expectEnd()
        } catch {
            let syntax = SampleError(error)
            guard !samples.isEmpty else { throw refuse(syntax) }
            if !isBad { reject(syntax, index: index) }
        }
        guard !samples.isEmpty || rejected > 0 else {
            throw SampleError(.missingField, "the array holds no sample", at: 0)
        }
    }
}
