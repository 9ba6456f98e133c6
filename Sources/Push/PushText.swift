internal import Bytes
internal import Detection
internal import Wire

extension ByteBuffer {
    /// Appends an incident as an alert of Alertmanager's API v2.
    ///
    /// Labels never change while an incident goes on: by them an Alertmanager knows that it is the
    /// same one.
    /// - Parameters:
    ///   - threshold: ALERT_THRESHOLD.
    ///   - externalURL: EXTERNAL_URL; empty where it is not known.
    ///   - end: when the alert ends unless it is told again, or has ended, in Unix milliseconds.
    mutating func append(
        alert incident: Incident, threshold: Double, externalURL: String, end: Int
    ) {
        append("{\"labels\":{\"alertname\":\"TidemarkIncident\"")
        if !incident.id.device.isEmpty {
            append(",\"device\":")
            append(jsonString: incident.id.device.span)
        }
        append(",\"reason\":\"")
        append(incident.reason.word)
        append("\",\"severity\":\"")
        append(incident.isCritical(threshold: threshold) ? "critical" : "warning")
        append("\"},\"annotations\":{\"summary\":")
        append(jsonString: incident.summary)
        append(",\"value\":\"")
        append(number: incident.reason.measure == .cpu ? incident.cpu : incident.value)
        append("\"")
        if incident.hasRange {
            append(",\"band\":\"")
            append(number: incident.lower)
            append(" to ")
            append(number: incident.upper)
            append("\"")
        }
        append(",\"incident\":")
        append(jsonString: incident.id.text)
        let link = incident.link(externalURL)
        if !link.isEmpty {
            append(",\"link\":")
            append(jsonString: link)
        }
        append("},\"startsAt\":\"")
        append(rfc3339: incident.arrival)
        append("\",\"endsAt\":\"")
        append(rfc3339: max(end, incident.arrival + 1))
        append("\"")
        if !link.isEmpty {
            append(",\"generatorURL\":")
            append(jsonString: link)
        }
        append("}")
    }

    /// Appends a time in Unix milliseconds as RFC 3339 has it.
    mutating func append(rfc3339 milliseconds: Int) {
        let seconds = max(0, milliseconds) / 1000
        let date = CalendarDate(daysSince1970: seconds / 86_400)
        append(padded: date.year, to: 4)
        append("-")
        append(padded: date.month, to: 2)
        append("-")
        append(padded: date.day, to: 2)
        append("T")
        append(padded: seconds / 3600 % 24, to: 2)
        append(":")
        append(padded: seconds / 60 % 60, to: 2)
        append(":")
        append(padded: seconds % 60, to: 2)
        append(".")
        append(padded: max(0, milliseconds) % 1000, to: 3)
        append("Z")
    }

    private mutating func append(padded number: Int, to width: Int) {
        let digits = String(number)
        append(text: String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits)
    }
}

extension Incident {
    /// Who, and what, in a line.
    var summary: String {
        let device =
            id.device.isEmpty ? "The fleet" : String(decoding: id.device, as: UTF8.self)
        return "\(device): \(explanation)"
    }

    /// Where a person reads about it; empty where that is not known.
    func link(_ externalURL: String) -> String {
        guard !externalURL.isEmpty else { return "" }
        let base = externalURL.hasSuffix("/") ? String(externalURL.dropLast()) : externalURL
        return base + "/incidents/" + PercentEncoding.encode(id.text)
    }
}
