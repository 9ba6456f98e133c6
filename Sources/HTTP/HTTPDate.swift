package import Bytes

extension ByteBuffer {
    /// Appends the date of RFC 9110 section 5.6.7, such as `Sat, 21 Nov 2026 02:37:54 GMT`.
    package mutating func append(httpDate unixSeconds: Int) {
        let days = Int((Double(unixSeconds) / 86_400).rounded(.down))
        let second = unixSeconds - days * 86_400
        let date = CalendarDate(daysSince1970: days)
        append(weekdayName(((days % 7) + 11) % 7))
        append(", ")
        append(twoDigits: date.day)
        append(" ")
        append(monthName(date.month))
        append(" ")
        append(integer: date.year)
        append(" ")
        append(twoDigits: second / 3600)
        append(":")
        append(twoDigits: second / 60 % 60)
        append(":")
        append(twoDigits: second % 60)
        append(" GMT")
    }

    private mutating func append(twoDigits value: Int) {
        append(UInt8(ascii: "0") + UInt8(clamping: value / 10 % 10))
        append(UInt8(ascii: "0") + UInt8(clamping: value % 10))
    }
}

/// 0 is Sunday; 1970-01-01 was a Thursday.
private func weekdayName(_ day: Int) -> StaticString {
    switch day {
    case 0: "Sun"
    case 1: "Mon"
    case 2: "Tue"
    case 3: "Wed"
    case 4: "Thu"
    case 5: "Fri"
    default: "Sat"
    }
}

private func monthName(_ month: Int) -> StaticString {
    switch month {
    case 1: "Jan"
    case 2: "Feb"
    case 3: "Mar"
    case 4: "Apr"
    case 5: "May"
    case 6: "Jun"
    case 7: "Jul"
    case 8: "Aug"
    case 9: "Sep"
    case 10: "Oct"
    case 11: "Nov"
    default: "Dec"
    }
}
