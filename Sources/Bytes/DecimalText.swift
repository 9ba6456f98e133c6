internal import CDecimal

/// Longest text of `append(number:)` in bytes: sign, 17 digits, point, zeros or exponent.
public let decimalTextLimit = 32

/// Longest text of an integer in bytes: a sign and 19 digits.
let integerTextLimit = 20

/// 2^53: a double holds all smaller integers exactly; they are written without a fraction.
private let exactIntegerLimit = 9_007_199_254_740_992.0

/// Magnitudes in this range are written in fixed notation, as people write them.
private let fixedNotation = 1e-5..<1e16

extension ByteBuffer {
    /// Appends the shortest decimal text that reads back to the same double.
    ///
    /// JSON has neither NaN nor infinity. A value that is not finite is a bug of the caller; it is
    /// written as 0, so that the document stays readable.
    @discardableResult
    public mutating func append(number value: Double) -> Bool {
        guard value.isFinite else { return append(UInt8(ascii: "0")) }
        let magnitude = value.magnitude
        if magnitude < exactIntegerLimit, value == Double(Int(value)) {
            return append(integer: Int(value))
        }
        let fixed: Int32 = fixedNotation.contains(magnitude) ? 1 : 0
        // SAFETY: `fill` provides `decimalTextLimit` bytes, and the C function writes at most as
        // many as it is told.
        return unsafe fill(decimalTextLimit) { space in
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

/// Number of decimal digits of `value`.
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

/// The ASCII digit of a number below 10.
@inline(__always)
func decimalDigit(_ value: UInt) -> UInt8 {
    UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
}

/// Reads a decimal number, rounded to the nearest double.
/// - Returns: nil if the text is not a number, or too large or too small for a double.
public func parseDecimal(_ text: Span<UInt8>) -> Double? {
    // No shorter limit: a number may have any number of digits, however few a double can hold.
    guard text.count > 0, text.count <= Int(Int32.max) else { return nil }
    var value = 0.0
    // SAFETY: the C function reads exactly the `bytes.count` bytes of the span, and the text is not
    // empty, so its address is not nil.
    let parsed = unsafe text.withUnsafeBytes { bytes in
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
