internal import Bytes

/// Reads a moment: Unix seconds, Unix milliseconds, or a UTC date-time such as
/// `2014-04-01 00:05:00` or `2017-11-01T00:00:00Z`. Nil when it is none of these.
package func parseTimestamp(_ text: Span<UInt8>) -> Double? {
    if text.count >= 19, text[4] == UInt8(ascii: "-") { return parseDateTime(text) }
    guard let number = parseDecimal(text), number >= 0, number <= 1e14 else { return nil }
    return number > 1e11 ? number / 1000 : number
}

private func parseDateTime(_ text: Span<UInt8>) -> Double? {
    func number(_ start: Int, _ length: Int) -> Int? {
        var value = 0
        for index in start..<start + length {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
    guard text.count == 19 || text.count == 20 && text[19] == UInt8(ascii: "Z"),
        let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
        let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
        text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
        text[10] == UInt8(ascii: " ") || text[10] == UInt8(ascii: "T"),
        text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
        let date = CalendarDate(year: year, month: month, day: day), hour < 24, minute < 60,
        second < 61
    else { return nil }
    return Double(date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second)
}
