package import Detection

/// What a checkpoint says of a series: its fold as of an entry, and the samples that came later and
/// have left the log.
package struct HistoryStart: Sendable {
    package private(set) var element: CheckpointCoding.FoldElement?
    package private(set) var records: [HistoryRecord] = []

    /// - Parameter elements: the checkpoint's; those of a log of another birth are of no use.
    package init(_ elements: [[UInt8]], birth: UInt64) {
        var through: UInt64 = 0
        for bytes in elements {
            if let element = CheckpointCoding.FoldElement(bytes) {
                guard element.birth == birth else { continue }
                self.element = element
                records = []
                through = element.asOf
            } else {
                // A trim that was cut may have been repeated.
                for record in CheckpointCoding.records(bytes, birth: birth) ?? []
                where record.entry > through { records.append(record) }
                through = records.last?.entry ?? through
            }
        }
    }

    /// The last entry of which it has all.
    package var through: UInt64 { max(element?.asOf ?? 0, records.last?.entry ?? 0) }

    /// When the last of the samples came; nil when there is none.
    package var lastArrival: Int? { records.last?.arrival ?? element?.lastArrival }
}

extension CheckpointCoding.FoldElement {
    /// The fold; nil when it is of other parameters, or of another version.
    package func decoded(_ parameters: FoldParameters) -> SeriesFold? {
        try? SeriesFold(decoding: fold.span, parameters)
    }
}
