internal import Bytes

/// Reads times as text.
enum TimeText {
    /// Unix seconds of a time of RFC 3339 (`2026-11-26T10:00:00.5+01:00`; a space or `t` for `T`,
    /// `z` for `Z`); nil when it is none, or lies before 1970.
    static func parse(_ text: Span<UInt8>) -> Double? {
        guard text.count >= 20, let year = digits(text, at: 0, count: 4),
            text[4] == UInt8(ascii: "-"),
            let month = digits(text, at: 5, count: 2), text[7] == UInt8(ascii: "-"),
            let day = digits(text, at: 8, count: 2), [0x20, 0x54, 0x74].contains(text[10]),
            let hour = digits(text, at: 11, count: 2), text[13] == UInt8(ascii: ":"),
            let minute = digits(text, at: 14, count: 2), text[16] == UInt8(ascii: ":"),
            let second = digits(text, at: 17, count: 2),
            let date = CalendarDate(year: year, month: month, day: day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var place = 19
        var fraction = 0.0
        if text[place] == UInt8(ascii: ".") {
            place += 1
            var unit = 0.1
            let start = place
            while place < text.count, text[place] &- UInt8(ascii: "0") < 10 {
                fraction += Double(text[place] - UInt8(ascii: "0")) * unit
                unit /= 10
                place += 1
            }
            guard place > start else { return nil }
        }
        guard let offset = offset(text, from: place) else { return nil }
        let seconds = Double(
            date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset)
        return seconds >= 0 ? seconds + fraction : nil
    }

    /// Seconds that the zone is ahead; nil when what follows is none.
    private static func offset(_ text: Span<UInt8>, from place: Int) -> Int? {
        guard place < text.count else { return nil }
        if text[place] | 0x20 == UInt8(ascii: "z") { return place + 1 == text.count ? 0 : nil }
        guard text.count == place + 6, text[place + 3] == UInt8(ascii: ":"),
            let hours = digits(text, at: place + 1, count: 2),
            let minutes = digits(text, at: place + 4, count: 2),
            hours < 24, minutes < 60
        else { return nil }
        switch text[place] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func digits(_ text: Span<UInt8>, at start: Int, count: Int) -> Int? {
        var value = 0
        for index in start..<start + count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
}
