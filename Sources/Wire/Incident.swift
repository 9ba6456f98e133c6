internal import Bytes
package import Detection

/// Which incident: the life of a series (the entry of the log with its first sample), the sequence
/// of the first alert, and the device, empty for the fleet's series.
package struct IncidentID: Hashable, Sendable {
    package let life: UInt64
    package let sequence: Int
    package let device: [UInt8]

    package init(life: UInt64, sequence: Int, device: [UInt8]) {
        self.life = life
        self.sequence = sequence
        self.device = device
    }

    /// Reads `life in base 36-sequence-device`; nil when it is none.
    package init?(_ text: [UInt8]) {
        let dash = UInt8(ascii: "-")
        let parts = text.split(separator: dash, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, (1...13).contains(parts[0].count),
            (1...18).contains(parts[1].count),
            parts[0].first != UInt8(ascii: "+"), parts[1].first != UInt8(ascii: "+"),
            let life = UInt64(String(decoding: parts[0], as: UTF8.self), radix: 36),
            let sequence = Int(String(decoding: parts[1], as: UTF8.self)), sequence > 0,
            parts[2].isEmpty || DeviceName.isValid(Array(parts[2]).span)
        else { return nil }
        self.init(life: life, sequence: sequence, device: Array(parts[2]))
    }
}

/// What a person found out about an incident.
package struct IncidentFeedback: Equatable, Sendable {
    package static let noteLimit = 1_000

    package var isReal: Bool
    package var note: [UInt8]
    /// When it was told, in Unix milliseconds.
    package var toldAt: Int

    package init(isReal: Bool, note: [UInt8], toldAt: Int) {
        self.isReal = isReal
        self.note = note
        self.toldAt = toldAt
    }
}

/// What somebody outside is told of an incident.
package enum IncidentOccasion: UInt8, Sendable, CaseIterable {
    case opened = 1
    case closed = 2

    package var word: StaticString { self == .opened ? "opened" : "closed" }
}

/// An incident of a series, from its first alert on.
package struct Incident: Equatable, Sendable {
    package let id: IncidentID
    package let reason: Reason
    /// The series' own time of the first alert, in Unix seconds, and when it came, in Unix
    /// milliseconds.
    package let startedAt: Double
    package let arrival: Int
    /// Of the first alert: its rps, its cpu where that is the reason (else -1), and what was
    /// expected of the one or the other. `gap` and `flat` expect nothing.
    package let value: Double
    package let cpu: Double
    package let expected: Double
    package let lower: Double
    package let upper: Double
    /// The score of the first alert, and the highest of all.
    package let firstScore: Double
    package var peak: Double
    package var alerts: Int
    /// The last alert's sequence.
    package var lastAlert: Int
    /// How it ended, when, and with which sample; `none` while it is open.
    package var ending = IncidentEnding.none
    package var endedAt = 0.0
    package var endedSequence = 0
    /// When the process learnt that it ended, in Unix milliseconds; 0 while it is open.
    package var closedAt = 0
    package var feedback: IncidentFeedback?
    /// Of which of its two events the webhook has been told.
    private var delivered: UInt8 = 0

    package var isOpen: Bool { ending == .none }

    package func isDelivered(_ occasion: IncidentOccasion) -> Bool {
        delivered & occasion.rawValue > 0
    }

    package mutating func noteDelivered(_ occasion: IncidentOccasion) {
        delivered |= occasion.rawValue
    }

    /// The incident as it was when it began.
    package var whenOpened: Incident {
        var opened = self
        opened.end(.none, at: 0, sequence: 0, closedAt: 0)
        opened.feedback = nil
        (opened.peak, opened.alerts, opened.lastAlert) = (firstScore, 1, id.sequence)
        return opened
    }

    /// From so many thresholds on an incident is critical; one of the fleet always is.
    private static let criticalThresholds = 3.0

    /// By its first alert: whoever was told of it is not told again because it got worse.
    package func isCritical(threshold: Double) -> Bool {
        id.device.isEmpty || firstScore >= Incident.criticalThresholds * threshold
    }

    /// An incident that begins.
    package init(_ verdict: Verdict, of sample: Sample, device: [UInt8], arrival: Int) {
        id = IncidentID(life: verdict.life, sequence: verdict.incident, device: device)
        reason = verdict.reason
        startedAt = sample.timestamp
        self.arrival = arrival
        value = sample.rps
        cpu = verdict.reason == .cpu ? sample.cpu : Sample.notMeasured
        expected = verdict.expected
        lower = verdict.lower
        upper = verdict.upper
        firstScore = verdict.score
        peak = verdict.score
        alerts = 1
        lastAlert = verdict.sequence
    }

    /// Takes what a later sample says of it.
    /// - Returns: whether that is news.
    package mutating func take(
        _ verdict: Verdict, of sample: Sample, arrival: Int
    ) -> Bool {
        var isNews = false
        if verdict.alert, verdict.sequence > lastAlert {
            lastAlert = verdict.sequence
            alerts += 1
            peak = max(peak, verdict.score)
            isNews = true
        }
        if verdict.ending != .none, isOpen {
            end(
                verdict.ending, at: sample.timestamp, sequence: verdict.sequence,
                closedAt: arrival)
            isNews = true
        }
        return isNews
    }

    /// - Parameters:
    ///   - time: of the series, in Unix seconds.
    ///   - closedAt: now, in Unix milliseconds.
    package mutating func end(
        _ how: IncidentEnding, at time: Double, sequence: Int, closedAt: Int
    ) {
        ending = how
        endedAt = time
        endedSequence = sequence
        self.closedAt = closedAt
    }

    /// Takes what another process knows of the same incident: both know the same afterwards,
    /// whoever told whom first.
    /// - Returns: whether anything was new.
    package mutating func merge(_ other: Incident) -> Bool {
        let before = self
        peak = max(peak, other.peak)
        alerts = max(alerts, other.alerts)
        lastAlert = max(lastAlert, other.lastAlert)
        // Whoever saw the sample knows better than who saw none for an hour.
        if other.endedSequence > endedSequence || isOpen && !other.isOpen {
            end(
                other.ending, at: other.endedAt, sequence: other.endedSequence,
                closedAt: other.closedAt)
        }
        delivered |= other.delivered
        if let told = other.feedback, told.toldAt > feedback?.toldAt ?? 0 { feedback = told }
        return self != before
    }
}

// MARK: Storing

extension Incident {
    private static let version: UInt8 = 2
    /// Without the first score, the cpu, when it was closed, and what was delivered.
    private static let versionBefore: UInt8 = 1

    /// As a store keeps it.
    package var bytes: [UInt8] {
        var buffer = ByteBuffer(limit: 4096)
        buffer.append(Incident.version)
        buffer.append(reason.rawValue)
        buffer.append(ending.rawValue)
        buffer.append(delivered << 2 | (feedback.map { $0.isReal ? 2 : 1 } ?? 0))
        for word in [
            id.life, UInt64(id.sequence), UInt64(arrival), UInt64(alerts), UInt64(lastAlert),
            UInt64(endedSequence), UInt64(feedback?.toldAt ?? 0), UInt64(id.device.count),
            UInt64(closedAt),
        ] { buffer.append(littleEndian: word) }
        for number in [
            startedAt, value, expected, lower, upper, peak, endedAt, cpu, firstScore,
        ] {
            buffer.append(littleEndian: number.bitPattern)
        }
        buffer.append(id.device.span)
        if let note = feedback?.note { buffer.append(note.span) }
        return buffer.readable.copied
    }

    /// nil when the bytes are none that this build knows.
    package init?(_ bytes: [UInt8]) {
        let isOld = bytes.first == Incident.versionBefore
        let (integers, words) = isOld ? (8, 15) : (9, 18)
        let head = 4 + words * 8
        guard bytes.count >= head, isOld || bytes[0] == Incident.version,
            let reason = Reason(rawValue: bytes[1]),
            let ending = IncidentEnding(rawValue: bytes[2]),
            bytes[3] & 3 <= 2, bytes[3] < 16
        else { return nil }
        func word(_ index: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[4 + 8 * index + $1]) << UInt64(8 * $1) }
        }
        let counts = (1..<integers).map { Int(truncatingIfNeeded: word($0)) }
        let numbers = (integers..<words).map { Double(bitPattern: word($0)) }
        let end = head + counts[6]
        guard counts.allSatisfy({ $0 >= 0 }), numbers.allSatisfy(\.isFinite), end <= bytes.count,
            counts[0] > 0, counts[6] <= DeviceName.byteLimit
        else { return nil }
        id = IncidentID(
            life: word(0), sequence: counts[0], device: Array(bytes[head..<end]))
        self.reason = reason
        self.ending = ending
        arrival = counts[1]
        alerts = counts[2]
        lastAlert = counts[3]
        endedSequence = counts[4]
        startedAt = numbers[0]
        value = numbers[1]
        expected = numbers[2]
        lower = numbers[3]
        upper = numbers[4]
        peak = numbers[5]
        endedAt = numbers[6]
        cpu = isOld ? Sample.notMeasured : numbers[7]
        firstScore = isOld ? peak : numbers[8]
        closedAt = isOld ? (ending == .none ? 0 : arrival) : counts[7]
        delivered = bytes[3] >> 2
        if bytes[3] & 3 > 0 {
            feedback = IncidentFeedback(
                isReal: bytes[3] & 3 == 2, note: Array(bytes[end...]), toldAt: counts[5])
        }
    }
}
