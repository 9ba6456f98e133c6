extension JSONCursor {
    /// Reads a number, correctly rounded.
    ///
    /// Most numbers take a short exact way (Clinger, 1990): a value below 2^53 and a power of ten
    /// within ±22. All others go through the parser of the C++ library.
    @_lifetime(self: copy self)
    public mutating func number() throws(JSONError) -> Double {
        guard peek() != nil else { throw error(.unexpectedEnd) }
        let start = offset
        let negative = byte(offset) == UInt8(ascii: "-")
        if negative { offset += 1 }
        var digits = DigitRun()
        try integerPart(&digits)
        if offset < bytes.count, byte(offset) == UInt8(ascii: ".") {
            offset += 1
            let fractionDigits = try digitRun(&digits)
            digits.exponent -= fractionDigits
        }
        if offset < bytes.count, byte(offset) | 0x20 == UInt8(ascii: "e") {
            digits.exponent += try exponentPart()
        }
        if digits.count <= 19, digits.value < 1 << 53, digits.exponent.magnitude <= 22 {
            let whole = Double(digits.value)
            let power = exactPowersOfTen[Int(digits.exponent.magnitude)]
            let magnitude = digits.exponent < 0 ? whole / power : whole * power
            return negative ? -magnitude : magnitude
        }
        return try roundedNumber(from: start, isZero: digits.value == 0)
    }

    private func roundedNumber(from start: Int, isZero: Bool) throws(JSONError) -> Double {
        if let value = parseDecimal(bytes.extracting(start..<offset)) { return value }
        // from_chars does not tell underflow from overflow. A tiny number is 0, a huge one an
        // error.
        if isZero || isTiny(from: start) { return 0 }
        throw error(.numberOutOfRange, at: start)
    }

    /// Whether the number from `start` on has a magnitude below 1; then out of range means
    /// underflow.
    private func isTiny(from start: Int) -> Bool {
        var pointShift = 0
        var seenPoint = false
        var seenDigit = false
        var index = start
        while index < offset, byte(index) | 0x20 != UInt8(ascii: "e") {
            let next = byte(index)
            if next == UInt8(ascii: ".") {
                seenPoint = true
            } else if next != UInt8(ascii: "-") {
                if next != UInt8(ascii: "0") { seenDigit = true }
                if seenPoint && !seenDigit { pointShift -= 1 }
                if !seenPoint && seenDigit { pointShift += 1 }
            }
            index += 1
        }
        guard index < offset else { return pointShift <= 0 }
        var reader = JSONCursor(bytes, at: index)
        guard let exponent = try? reader.exponentPart() else { return false }
        return exponent + pointShift <= 0
    }

    @_lifetime(self: copy self)
    private mutating func integerPart(_ digits: inout DigitRun) throws(JSONError) {
        guard offset < bytes.count else { throw error(.unexpectedEnd) }
        if byte(offset) == UInt8(ascii: "0") {
            offset += 1
            if offset < bytes.count, byte(offset) &- UInt8(ascii: "0") < 10 {
                throw error(.badNumber)
            }
            return
        }
        _ = try digitRun(&digits)
    }

    /// Reads one or more digits and returns their number.
    @_lifetime(self: copy self)
    @inline(__always)
    private mutating func digitRun(_ digits: inout DigitRun) throws(JSONError) -> Int {
        let start = offset
        while offset < bytes.count {
            let digit = byte(offset) &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            digits.append(digit)
            offset += 1
        }
        guard offset > start else {
            throw error(offset < bytes.count ? .badNumber : .unexpectedEnd)
        }
        return offset - start
    }

    @_lifetime(self: copy self)
    private mutating func exponentPart() throws(JSONError) -> Int {
        offset += 1
        var negative = false
        if offset < bytes.count,
            byte(offset) == UInt8(ascii: "+") || byte(offset) == UInt8(ascii: "-")
        {
            negative = byte(offset) == UInt8(ascii: "-")
            offset += 1
        }
        var digits = DigitRun()
        _ = try digitRun(&digits)
        // An exponent of more than 18 digits is stronger than any number of digits before it.
        let magnitude = digits.count <= 18 ? Int(digits.value) : 1_000_000_000_000_000_000
        return negative ? -magnitude : magnitude
    }

    /// Skips one value of any kind, and checks all of it.
    /// - Parameter depth: levels of nesting around the value.
    @_lifetime(self: copy self)
    public mutating func skipValue(depth: Int = 0) throws(JSONError) {
        guard depth < JSONCursor.depthLimit else { throw error(.tooDeep) }
        switch peek() ?? 0 {
        case UInt8(ascii: "{"): try skipObject(depth: depth)
        case UInt8(ascii: "["): try skipArray(depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        default: throw unexpected()
        }
    }

    @_lifetime(self: copy self)
    private mutating func skipObject(depth: Int) throws(JSONError) {
        offset += 1
        if take(UInt8(ascii: "}")) { return }
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw unexpected() }
            _ = try string()
            try expect(UInt8(ascii: ":"))
            try skipValue(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    @_lifetime(self: copy self)
    private mutating func skipArray(depth: Int) throws(JSONError) {
        offset += 1
        if take(UInt8(ascii: "]")) { return }
        repeat {
            try skipValue(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
    }

    /// Only the grammar of a skipped number matters: `1e999` in an unknown field is no error.
    @_lifetime(self: copy self)
    private mutating func skipNumber() throws(JSONError) {
        do {
            _ = try number()
        } catch {
            if error.problem != .numberOutOfRange { throw error }
        }
    }

    /// Consumes `word`, which must come next.
    @_lifetime(self: copy self)
    public mutating func literal(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard offset < bytes.count else { throw error(.unexpectedEnd) }
            // SAFETY: index is below the length of the static string.
            guard unsafe byte(offset) == word.utf8Start[index] else { throw unexpected() }
            offset += 1
        }
    }
}

/// Digits of a number: the value of the first 19, the count without leading zeros, and the power of
/// ten that belongs to them.
private struct DigitRun {
    var value: UInt64 = 0
    var count = 0
    var exponent = 0

    @inline(__always)
    mutating func append(_ digit: UInt8) {
        if value > 0 || digit > 0 { count += 1 }
        if count <= 19 { value = value &* 10 &+ UInt64(digit) }
    }
}
