internal import Bytes
package import Detection

/// A parameter of GET /series or GET /incidents.
package enum QueryBound: Sendable, Equatable {
    /// Unix seconds.
    case from(Double)
    case to(Double)
    case points(Int)
    case alertThreshold(Double)
    /// Unix seconds.
    case since(Double)
    case state(IncidentFilter.State)
    case id(IncidentID)
    case sequence(Int)
}

/// Which samples of a series are wanted, and how they are to be judged.
package struct SeriesQuery: Sendable, Equatable {
    /// nil is the fleet's series.
    package var device: [UInt8]?
    /// Timestamps in Unix seconds, both included; nil is without bound.
    package var from: Double?
    package var to: Double?
    /// Only samples with a greater `sequence`.
    package var after = 0
    /// Rows of the page.
    package var limit = Query.defaultPage
    /// About so many rows for all samples in the place of a page; nil for a page.
    package var points: Int?
    /// The sample, by its `sequence`, that is to be explained; nil where none is.
    package private(set) var explained: Int?
    /// Another ALERT_THRESHOLD than the service's.
    package var alertThreshold: Double?

    package static let pointLimit = 2_000
    /// With another threshold all samples before the page are judged again.
    package static let judgedLimit = 1_000_000

    package init(device: [UInt8]? = nil) { self.device = device }

    package init(_ query: Query) throws(QueryError) {
        device = query.deviceID
        limit = query.limit ?? Query.defaultPage
        for bound in query.bounds {
            switch bound {
            case .from(let time): from = time
            case .to(let time): to = time
            case .points(let count): points = count
            case .alertThreshold(let threshold): alertThreshold = threshold
            case .since, .state, .id, .sequence: break
            }
        }
        guard let bytes = query.after else { return }
        guard let number = parseDecimal(bytes.span), number >= 0, number < 1e15,
            number == number.rounded()
        else { throw QueryError(detail: "after: allowed is a sequence, a whole number from 0 on") }
        after = Int(number)
    }

    /// What GET /explain asks for.
    package init(explaining query: Query) throws(QueryError) {
        device = query.deviceID
        for case .sequence(let number) in query.bounds {
            explained = number
            after = number - 1
            limit = 1
        }
        guard explained != nil else { throw Query.badSequence }
    }

    /// Whether a sample that stands at this place of its series is wanted.
    package func accepts(_ sample: Sample, sequence: Int) -> Bool {
        sequence > after && sample.timestamp >= from ?? -.infinity
            && sample.timestamp <= to ?? .infinity
    }
}

/// Samples of a series with their verdicts, oldest first.
package struct SeriesPage: Sendable {
    package struct Row: Sendable, Equatable {
        package let sample: Sample
        package let verdict: Verdict
        /// It was judged by other settings, or by another version, when it came.
        package let isRefolded: Bool

        package init(sample: Sample, verdict: Verdict, isRefolded: Bool = false) {
            self.sample = sample
            self.verdict = verdict
            self.isRefolded = isRefolded
        }
    }

    /// nil for the fleet's.
    package let device: [UInt8]?
    package let rows: [Row]
    /// The last row's sequence where more may follow; nil when that was all there is now.
    package let next: Int?

    package init(device: [UInt8]?, rows: [Row], next: Int?) {
        self.device = device
        self.rows = rows
        self.next = next
    }
}

extension ByteBuffer {
    mutating func append(_ page: SeriesPage) {
        append("{")
        if let device = page.device {
            append("\"device_id\":")
            append(jsonString: device.span)
            append(",")
        }
        append("\"samples\":[")
        let device = page.device ?? []
        for (position, row) in page.rows.enumerated() {
            append(position == 0 ? "{\"rps\":" : ",{\"rps\":")
            append(number: row.sample.rps)
            append(cpuOf: row.sample)
            append(",")
            append(membersOf: row.verdict, device: device.span)
            append(row.isRefolded ? ",\"refolded\":true}" : "}")
        }
        append("]")
        if let next = page.next {
            append(",\"next\":")
            append(integer: next)
        }
        append("}")
    }
}
