package import Detection

/// A sample of a series, and when it came.
package struct HistoryRecord: Equatable, Sendable {
    package let entry: UInt64
    /// The log's clock at that entry, in Unix milliseconds.
    package let arrival: Int
    package let sample: Sample
    /// The fleet's series does not have it.
    package let isDeviceOnly: Bool

    /// When it came, as a fold is told.
    package var came: SampleArrival { SampleArrival(entry: entry, milliseconds: arrival) }

    package init(entry: UInt64, arrival: Int, sample: Sample, isDeviceOnly: Bool = false) {
        self.isDeviceOnly = isDeviceOnly
        self.entry = entry
        self.arrival = arrival
        self.sample = sample
    }
}

/// Samples of one series that follow each other, in the log's order.
package struct HistoryPart: Equatable, Sendable {
    package var records: [HistoryRecord] = []
    /// The series ended after them, in this entry; nil when it goes on.
    package var endsAt: UInt64?

    package init() {}
}

extension HistoryPart {
    /// What came after an entry; nil for nothing.
    package func later(than entry: UInt64) -> HistoryPart? {
        var later = self
        later.records.removeAll { $0.entry <= entry }
        if let end = endsAt, end <= entry { later.endsAt = nil }
        return later.records.isEmpty && later.endsAt == nil ? nil : later
    }

    /// The parts, cut also where the series was idle so long that it began anew.
    ///
    /// - Parameters:
    ///   - last: when the sample before them came; nil when there is none, or the series ended.
    ///   - timeToLive: in milliseconds; nil for a series that never ends.
    /// - Returns: for each life the records, and whether it begins with them.
    package static func lives(
        of parts: [HistoryPart], after last: Int?, timeToLive: Int?
    ) -> [(records: [HistoryRecord], isNew: Bool)] {
        var lives: [(records: [HistoryRecord], isNew: Bool)] = []
        var last = last
        for part in parts {
            var start = 0
            var isNew = last == nil
            for (index, record) in part.records.enumerated() {
                if let before = last, let timeToLive, record.arrival - before > timeToLive {
                    if index > start { lives.append((Array(part.records[start..<index]), isNew)) }
                    start = index
                    isNew = true
                }
                last = record.arrival
            }
            if start < part.records.count {
                lives.append((Array(part.records[start...]), isNew))
            }
            if part.endsAt != nil { last = nil }
        }
        return lives
    }
}
