package import Bytes
package import Detection

extension IncidentID {
    package var text: String {
        String(life, radix: 36) + "-\(sequence)-" + String(decoding: device, as: UTF8.self)
    }
}

extension Reason {
    /// What the view of this name has seen, for a person on call.
    package var sentence: StaticString {
        switch self {
        case .none: "Nothing is unusual."
        case .spike: "The value is much farther from what was expected than it usually is."
        case .jump: "The value left its everyday range, and the next ones stayed outside."
        case .level: "The mean of the last hour is unlike the series' own long history."
        case .daily: "The value is unlike what this hour of the day usually brings."
        case .flat:
            "The value has not changed for much longer than ever before: is the sensor stuck?"
        case .cpu: "The cpu is higher or lower than this load usually needs."
        case .gap: "Samples were missing: the last step took much longer than usual."
        }
    }
}

extension ByteBuffer {
    /// Appends an incident as an object.
    /// - Parameter threshold: ALERT_THRESHOLD.
    package mutating func append(_ incident: Incident, threshold: Double) {
        append("{\"id\":")
        append(jsonString: incident.id.text)
        if !incident.id.device.isEmpty {
            append(",\"device_id\":")
            append(jsonString: incident.id.device.span)
        }
        append(incident.isOpen ? ",\"state\":\"open\"" : ",\"state\":\"closed\"")
        append(",\"reason\":\"")
        append(incident.reason.word)
        append("\",\"severity\":\"")
        append(incident.isCritical(threshold: threshold) ? "critical" : "warning")
        append("\",\"started_at\":")
        append(number: incident.startedAt)
        append(",\"started_sequence\":")
        append(integer: incident.id.sequence)
        if !incident.isOpen {
            append(",\"ended_at\":")
            append(number: incident.endedAt)
            append(",\"ended_sequence\":")
            append(integer: incident.endedSequence)
            append(",\"ended_by\":\"")
            append(incident.ending.word)
            append("\"")
        }
        append(",\"peak_score\":")
        append(number: incident.peak)
        append(",\"value\":")
        append(number: incident.value)
        if incident.cpu >= 0 {
            append(",\"cpu\":")
            append(number: incident.cpu)
        }
        if incident.hasRange {
            append(
                expected: incident.expected, lower: incident.lower, upper: incident.upper,
                of: incident.reason.measure)
        }
        append(",\"alerts\":")
        append(integer: incident.alerts)
        if let feedback = incident.feedback { append(feedback) }
        append(",\"explanation\":")
        append(jsonString: incident.explanation)
        append("}")
    }

    private mutating func append(_ feedback: IncidentFeedback) {
        append(",\"feedback\":{\"real\":")
        append(boolean: feedback.isReal)
        append(",\"note\":")
        append(jsonString: feedback.note.span)
        append(",\"told_at\":")
        append(number: Double(feedback.toldAt) / 1000)
        append("}")
    }

    /// Appends a page of incidents.
    package mutating func append(_ page: IncidentPage, threshold: Double) {
        append("{\"incidents\":[")
        for (position, incident) in page.incidents.enumerated() {
            if position > 0 { append(",") }
            append(incident, threshold: threshold)
        }
        append("],\"open\":")
        append(integer: page.open)
        if let next = page.next {
            append(",\"next\":")
            append(jsonString: next.text)
        }
        append("}")
    }
}

extension Incident {
    /// Why it began, in a sentence or two.
    package var explanation: String {
        guard hasRange else { return "\(reason.sentence)" }
        let measured = reason.measure == .cpu ? cpu : value
        return "\(reason.sentence) It was \(measured), expected was \(expected) (from \(lower) to "
            + "\(upper))."
    }

    /// Whether it is known what was expected.
    package var hasRange: Bool {
        switch reason.measure {
        case .load: true
        case .cpu: cpu >= 0
        case .nothing: false
        }
    }
}

/// Some incidents, the newest first.
package struct IncidentPage: Equatable, Sendable {
    package var incidents: [Incident]
    /// Incidents that are open, in all.
    package var open: Int
    /// Where the next page goes on; nil for none.
    package var next: IncidentID?

    package init(incidents: [Incident], open: Int, next: IncidentID?) {
        self.incidents = incidents
        self.open = open
        self.next = next
    }
}

/// Which incidents are wanted.
package struct IncidentFilter: Equatable, Sendable {
    package enum State: Sendable { case open, closed, all }

    package var state = State.all
    package var device: [UInt8]?
    /// Those that began then or later, in Unix seconds.
    package var since: Double?
    package var after: IncidentID?
    package var limit = Query.defaultPage

    package init() {}

    package init(_ query: Query) throws(QueryError) {
        device = query.deviceID
        limit = query.limit ?? Query.defaultPage
        for bound in query.bounds {
            switch bound {
            case .since(let time): since = time
            case .state(let wanted): state = wanted
            case .from, .to, .points, .alertThreshold, .id, .sequence: break
            }
        }
        guard let bytes = query.after else { return }
        guard let id = IncidentID(bytes) else {
            throw QueryError(detail: "after: allowed is an incident's ID, percent-encoded")
        }
        after = id
    }

    package func accepts(_ incident: Incident) -> Bool {
        switch state {
        case .open where !incident.isOpen, .closed where incident.isOpen: return false
        case .open, .closed, .all: break
        }
        if let device, incident.id.device != device { return false }
        if let since, incident.startedAt < since { return false }
        return true
    }
}

extension Span<UInt8> {
    /// A copy of the bytes.
    var copied: [UInt8] { indices.map { self[$0] } }
}
