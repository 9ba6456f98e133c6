internal import CDecimal

/// The longest text `append(number:)` writes: sign, 17 digits, point, zeros or exponent.
public let decimalTextLimit = 32

/// The longest integer: a sign and 19 digits.
let integerTextLimit = 20

/// Integers up to here are exact as doubles and print without a fraction.
private let exactIntegerLimit = 9_007_199_254_740_992.0

/// Magnitudes in this range print in fixed notation, as people write them.
private let fixedNotation = 1e-5..<1e16

extension ByteBuffer {
    /// Appends the shortest decimal text that reads back to the same double.
    ///
    /// JSON knows neither NaN nor infinity: a value that is not finite is a bug of the caller and
    /// prints as 0, so that a document never becomes unreadable.
    @discardableResult
    public mutating func append(number value: Double) -> Bool {
        guard value.isFinite else { return append(UInt8(ascii: "0")) }
        let magnitude = value.magnitude
        if magnitude < exactIntegerLimit, value == Double(Int(value)) {
            return append(integer: Int(value))
        }
        let fixed: Int32 = fixedNotation.contains(magnitude) ? 1 : 0
        return unsafe fill(decimalTextLimit) { space in
            // SAFETY: the C function writes at most `capacity` bytes from the given start.
            let start = unsafe space.baseAddress.unsafelyUnwrapped.assumingMemoryBound(
                to: CChar.self)
            return Int(unsafe tm_format_double(value, fixed, start, Int32(decimalTextLimit)))
        } != nil
    }

    /// Appends an integer in decimal.
    @discardableResult
    public mutating func append(integer value: Int) -> Bool {
        guard reserve(integerTextLimit) else { return false }
        if value < 0 { appendReserved(UInt8(ascii: "-")) }
        appendReservedDigits(value.magnitude)
        return true
    }
}

/// Digits of a number in decimal.
public func decimalWidth(_ value: UInt64) -> Int {
    var width = 1
    var rest = value
    while rest >= 10_000 {
        rest /= 10_000
        width += 4
    }
    if rest >= 1000 { return width + 3 }
    if rest >= 100 { return width + 2 }
    return rest >= 10 ? width + 1 : width
}

/// The character of a number below 10.
@inline(__always)
func decimalDigit(_ value: UInt) -> UInt8 {
    UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
}

/// The double that the decimal text spells, rounded to nearest; nil when it is no number at all
/// or too large for a double.
public func parseDecimal(_ text: Span<UInt8>) -> Double? {
    // Not shorter than any document: a number may have more digits than a double can tell apart.
    guard text.count > 0, text.count <= Int(Int32.max) else { return nil }
    var value = 0.0
    let parsed = unsafe text.withUnsafeBytes { bytes in
        // SAFETY: the C function reads exactly `length` bytes from the start.
        let start = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
        return unsafe tm_parse_double(start, Int32(bytes.count), &value)
    }
    return parsed == 1 && value.isFinite ? value : nil
}

/// The powers of ten that a double holds exactly (10^0 … 10^22).
let exactPowersOfTen: [Double] = {
    var powers = [1.0]
    while powers.count < 23 { powers.append((powers.last ?? 1.0) * 10) }
    return powers
}()
