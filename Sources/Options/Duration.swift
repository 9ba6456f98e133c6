package import Bytes

/// Lengths of time as people write them: a number and its unit, such as `500ms`, `1.5s`, `5m`,
/// `24h` or `30d`.
package enum Duration {
    /// What a message says of the form.
    package static let form = "a number with ms, s, m, h or d"

    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13),
    ]
    /// Below the 2^63 ns (292 years) that a span holds.
    private static let limitNanoseconds = 9e18

    /// Reads a length of time; nil when the text is none.
    package static func parse(_ text: some StringProtocol) -> TimeSpan? {
        for unit in units where text.hasSuffix(unit.name) {
            let number = text.dropLast(unit.name.count)
            // Double alone would also take 0x10, 1e3, nan and a sign.
            guard number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
                let value = Double(number), value * unit.nanoseconds < limitNanoseconds
            else { return nil }
            return TimeSpan(nanoseconds: Int64((value * unit.nanoseconds).rounded()))
        }
        return nil
    }

    /// Writes a length of time so that `parse` reads it back, to the millisecond: in days from two
    /// of them on, in whole hours, whole seconds or milliseconds.
    package static func text(_ span: TimeSpan) -> String {
        let milliseconds = span.nanoseconds / 1_000_000
        if milliseconds % 86_400_000 == 0, milliseconds > 86_400_000 {
            return "\(milliseconds / 86_400_000)d"
        }
        if milliseconds % 3_600_000 == 0, milliseconds > 0 { return "\(milliseconds / 3_600_000)h" }
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
        return "\(milliseconds)ms"
    }
}
