package import Bytes

/// The media types this service answers with.
package enum MediaType: Sendable {
    case json, problem, prometheusText, openMetrics

    var name: StaticString {
        switch self {
        case .json: "application/json"
        case .problem: "application/problem+json"
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// Everything of a response but its body.
package struct ResponseHead {
    package var status: HTTPStatus
    package var mediaType = MediaType.json
    package var bodyBytes = 0
    /// Whether the connection goes on afterwards.
    package var keepAlive = true
    /// The request was HTTP/1.0, where going on must be said.
    package var isVersion10 = false
    /// The answer to 405: what the path does allow.
    package var allow: StaticString?
    /// Seconds until it is worth trying again (429, 503).
    package var retryAfterSeconds: Int?
    /// The answer to 401.
    package var asksForBearerToken = false

    package init(_ status: HTTPStatus) { self.status = status }
}

extension ByteBuffer {
    /// Appends a response's head, its empty line included. `date` is the text of the Date header.
    package mutating func append(_ head: ResponseHead, date: borrowing ByteBuffer) {
        append(beginningOf: head, date: date)
        append(integer: head.bodyBytes)
        if !head.keepAlive {
            append("\r\nConnection: close")
        } else if head.isVersion10 {
            append("\r\nConnection: keep-alive")
        }
        appendRareHeaders(head)
        append("\r\n\r\n")
    }

    /// Appends a response's head up to the number that Content-Length has.
    package mutating func append(beginningOf head: ResponseHead, date: borrowing ByteBuffer) {
        append("HTTP/1.1 ")
        append(integer: Int(head.status.rawValue))
        append(" ")
        append(head.status.phrase)
        append("\r\nDate: ")
        append(date.readable)
        append("\r\nContent-Type: ")
        append(head.mediaType.name)
        append("\r\nContent-Length: ")
    }

    private mutating func appendRareHeaders(_ head: ResponseHead) {
        if let allow = head.allow {
            append("\r\nAllow: ")
            append(allow)
        }
        if let seconds = head.retryAfterSeconds {
            append("\r\nRetry-After: ")
            append(integer: seconds)
        }
        if head.asksForBearerToken { append("\r\nWWW-Authenticate: Bearer") }
    }

    /// Appends the date of RFC 9110 section 5.6.7, such as `Sat, 21 Nov 2026 02:37:54 GMT`.
    ///
    /// The day's date follows from the day count by the civil calendar's 400-year cycle, counted
    /// from a 1 March, so that the leap day is a year's last.
    package mutating func append(httpDate unixSeconds: Int) {
        let days = Int((Double(unixSeconds) / 86_400).rounded(.down))
        let second = unixSeconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        append(weekdayName(((days % 7) + 11) % 7))
        append(", ")
        append(twoDigits: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        append(" ")
        append(monthName(month))
        append(" ")
        append(integer: yearOfEra + era * 400 + (month <= 2 ? 1 : 0))
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
