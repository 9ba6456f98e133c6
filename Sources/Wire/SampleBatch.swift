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
        for place in places.reversed() { samples.remove(at: place) }
        refused += places.count
    }

    /// Adds the verdict of the next sample. A call is cheaper than access to the array from
    /// another module.
    package mutating func append(_ verdict: Verdict) { verdicts.append(verdict) }

    package init() {
        names = ByteBuffer(limit: SampleBatch.sampleLimit * (DeviceName.byteLimit + 1))
    }

    /// The device's name; empty for the fleet.
    @_lifetime(borrow self)
    package func name(_ sample: DecodedSample) -> Span<UInt8> {
        names.readable.extracting(sample.nameStart..<sample.nameStart + sample.nameLength)
    }

    /// Decodes a body: one object, an array of objects, or an object per line. The content decides.
    /// - Throws: when the body shows no samples at all; the batch is empty then.
    package mutating func decode(_ body: Span<UInt8>, now: Double) throws(SampleError) {
        removeAll()
        var cursor = JSONCursor(body)
        switch cursor.peek() {
        case UInt8(ascii: "["): try array(&cursor, now)
        case nil: throw SampleError(.syntax, "the body is empty", at: 0)
        default: try objectOrLines(body, now)
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

    private mutating func reject(_ error: SampleError, index: Int) {
        rejected += 1
        rejectedByFault[Int(error.fault.rawValue)] += 1
        if faults.count < SampleBatch.listedErrors {
            faults.append(Fault(index: index, error: error))
        }
    }

    private mutating func objectOrLines(_ body: Span<UInt8>, _ now: Double) throws(SampleError) {
        var cursor = JSONCursor(body)
        let whole: SampleError
        do throws(SampleError) {
            let sample = try SampleDecoder.decode(&cursor, now: now, names: &names)
            if cursor.peek() == nil {
                samples.append(sample)
                isSingle = true
                return
            }
            whole = SampleError(cursor.error(.trailingBytes))
        } catch {
            if !hasSeveralLines(body) || isOneValue(body) { throw refuse(error) }
            whole = error
        }
        names.removeAll()
        lines(body, now)
        // An object that goes over several lines was meant as one, whatever is wrong with it.
        if samples.isEmpty, hasLineBreak(body, before: cursor.offset) { throw refuse(whole) }
    }

    /// The body as a whole is one bad sample.
    private mutating func refuse(_ error: SampleError) -> SampleError {
        removeAll()
        rejectedByFault[Int(error.fault.rawValue)] = 1
        rejected = 1
        return error
    }

    /// Whether the body is one JSON value from end to end, on however many lines.
    private func isOneValue(_ body: Span<UInt8>) -> Bool {
        var cursor = JSONCursor(body)
        do throws(JSONError) {
            try cursor.skipValue()
            try cursor.expectEnd()
            return true
        } catch {
            return false
        }
    }

    /// Whether a line ends between the body's first word and `end`.
    private func hasLineBreak(_ body: Span<UInt8>, before end: Int) -> Bool {
        var cursor = JSONCursor(body)
        _ = cursor.peek()
        var index = cursor.offset
        while index < min(end, body.count), body[index] != 0x0A { index += 1 }
        return index < min(end, body.count)
    }

    /// Whether a line break has something on both sides: then each line stands for itself.
    private func hasSeveralLines(_ body: Span<UInt8>) -> Bool {
        var seenText = false
        var seenBreak = false
        for index in body.indices {
            let byte = body[index]
            if byte == 0x0A {
                seenBreak = seenText
            } else if byte > 0x20 {
                if seenBreak { return true }
                seenText = true
            }
        }
        return false
    }

    private mutating func lines(_ body: Span<UInt8>, _ now: Double) {
        var start = 0
        var index = 0
        while start < body.count {
            var end = start
            while end < body.count, body[end] != 0x0A { end += 1 }
            // The cursor sees the body up to the line's end; offsets count from the body's start.
            var cursor = JSONCursor(body.extracting(0..<end), at: start)
            if cursor.peek() != nil {
                element(&cursor, index: index, now: now, isLine: true)
                index += 1
            }
            start = end + 1
        }
    }

    /// Decodes one line, or one element of an array; a bad one is noted.
    @_lifetime(cursor: copy cursor)
    private mutating func element(
        _ cursor: inout JSONCursor, index: Int, now: Double, isLine: Bool
    ) {
        let namesBefore = names.count
        do throws(SampleError) {
            guard samples.count < SampleBatch.sampleLimit else {
                throw SampleError(
                    .batchTooLong,
                    "a batch holds at most \(SampleBatch.sampleLimit) samples", at: cursor.offset)
            }
            var sample = try SampleDecoder.decode(&cursor, now: now, names: &names)
            if isLine, cursor.peek() != nil {
                throw SampleError(cursor.error(.trailingBytes))
            }
            sample.index = index
            samples.append(sample)
        } catch {
            names.truncate(to: namesBefore)
            reject(error, index: index)
        }
    }

    /// An array must be JSON from end to end before any of it counts: after a broken element nobody
    /// can say where the next begins.
    @_lifetime(cursor: copy cursor)
    private mutating func array(_ cursor: inout JSONCursor, _ now: Double) throws(SampleError) {
        do throws(JSONError) {
            cursor.offset += 1
            if !cursor.take(UInt8(ascii: "]")) {
                var index = 0
                repeat {
                    _ = cursor.peek()
                    let start = cursor.offset
                    let badBefore = rejected
                    element(&cursor, index: index, now: now, isLine: false)
                    if rejected > badBefore {
                        cursor.offset = start
                        try cursor.skipValue(depth: 1)
                    }
                    index += 1
                } while cursor.take(UInt8(ascii: ","))
                try cursor.expect(UInt8(ascii: "]"))
            }
            try cursor.expectEnd()
        } catch {
            removeAll()
            let syntax = SampleError(error)
            reject(syntax, index: 0)
            throw syntax
        }
        guard !samples.isEmpty || rejected > 0 else {
            throw SampleError(.missingField, "the array holds no sample", at: 0)
        }
    }
}
