package import Bytes
package import Detection
package import HTTP

/// What a GET is answered with.
package enum Answer {
    /// A body that is always the same.
    case constant(StaticString)
    case analysis(SeriesSummary)
    case stats(SeriesSummary)
    case devices(DevicePage)
    /// JSON objects as `append(flagged:)` makes them, newest first.
    case anomalies([[UInt8]])
    case series(SeriesPage)
    case incidents(IncidentPage)
    case incident(Incident)
    case explanation(SampleExplanation)
    case problem(Problem)

    package var head: ResponseHead {
        guard case .problem(let problem) = self else { return ResponseHead(.ok) }
        return problem.head
    }
}

/// Some devices of a listing.
package struct DevicePage {
    /// A device with the state of its series.
    package struct Row {
        package let name: [UInt8]
        package let summary: SeriesSummary

        package init(name: [UInt8], summary: SeriesSummary) {
            self.name = name
            self.summary = summary
        }
    }

    package let rows: [Row]
    /// Devices in all.
    package let total: Int
    /// The last row's device, for the next page; nil when the page is not full.
    package let next: [UInt8]?

    package init(rows: [Row], total: Int, limit: Int) {
        self.rows = rows
        self.total = total
        next = rows.count == limit ? rows.last?.name : nil
    }
}

/// What an analysis says besides the state of a series.
package struct AnalysisFrame {
    /// WINDOW_SIZE.
    package let windowSize: Int
    /// ALERT_THRESHOLD.
    package let alertThreshold: Double
    /// The time, in Unix seconds.
    package let computedAt: Int

    package init(windowSize: Int, alertThreshold: Double = 8, computedAt: Int) {
        self.windowSize = windowSize
        self.alertThreshold = alertThreshold
        self.computedAt = computedAt
    }
}

extension ByteBuffer {
    /// Appends the body of an answer.
    package mutating func append(_ answer: Answer, _ frame: AnalysisFrame) {
        switch answer {
        case .constant(let text): append(text)
        case .analysis(let summary): append(analysis: summary, frame)
        case .stats(let summary): append(stats: summary)
        case .devices(let page): append(page)
        case .anomalies(let objects): append(anomalies: objects)
        case .series(let page): append(page)
        case .incidents(let page): append(page, threshold: frame.alertThreshold)
        case .incident(let incident): append(incident, threshold: frame.alertThreshold)
        case .explanation(let explanation): append(explanation)
        case .problem(let problem): append(problem, problem.head.status)
        }
    }

    /// Appends the state of a series with the names of `/stats`.
    private mutating func append(stats summary: SeriesSummary) {
        append("{\"count\":")
        append(integer: summary.windowCount)
        append(",\"avg_cpu\":")
        append(number: summary.cpuMean)
        append(",\"avg_rps\":")
        append(number: summary.mean)
        append(",\"last_cpu\":")
        append(number: summary.lastSample.cpu)
        append(",\"last_rps\":")
        append(number: summary.lastSample.rps)
        append(",\"last_timestamp\":")
        append(number: summary.lastSample.timestamp)
        append(",\"z_score\":")
        append(number: summary.lastVerdict.zScore)
        append(",\"is_anomaly\":")
        append(boolean: summary.lastVerdict.isAnomaly)
        append("}")
    }

    private mutating func append(anomalies objects: [[UInt8]]) {
        append("{\"anomalies\":[")
        for (position, object) in objects.enumerated() {
            if position > 0 { append(",") }
            append(object.span)
        }
        append("]}")
    }

    private mutating func append(_ page: DevicePage) {
        append("{\"devices\":[")
        for (position, row) in page.rows.enumerated() {
            if position > 0 { append(",") }
            append(row)
        }
        append("],\"total\":")
        append(integer: page.total)
        if let next = page.next {
            append(",\"next\":")
            append(jsonString: next.span)
        }
        append("}")
    }

    private mutating func append(_ row: DevicePage.Row) {
        let verdict = row.summary.lastVerdict
        append("{\"device_id\":")
        append(jsonString: row.name.span)
        append(",\"last_timestamp\":")
        append(number: verdict.timestamp)
        append(",\"total_processed\":")
        append(integer: verdict.sequence)
        append(",\"rolling_avg\":")
        append(number: row.summary.mean)
        append(",\"last_rps\":")
        append(number: row.summary.lastSample.rps)
        append(",\"last_cpu\":")
        append(number: row.summary.lastSample.cpu)
        append(",\"is_anomaly\":")
        append(boolean: verdict.isAnomaly)
        append(",\"alert\":")
        append(boolean: verdict.alert)
        append("}")
    }
}
