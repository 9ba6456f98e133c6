/// What a request asks for.
package enum Action: Int, CaseIterable, Sendable {
    /// POST /ingest: one sample.
    case ingest
    /// POST /ingest: several samples at once.
    case batch
    /// POST /metrics: one sample.
    case metrics
    /// GET /analyze.
    case analyze
    /// GET /stats.
    case stats
    /// What `--method`, `--path` and `--body` say.
    case request

    package var name: String {
        switch self {
        case .ingest: "ingest"
        case .batch: "batch"
        case .metrics: "metrics"
        case .analyze: "analyze"
        case .stats: "stats"
        case .request: "request"
        }
    }

    package init?(name: some StringProtocol) {
        guard let action = Action.allCases.first(where: { $0.name == name }) else { return nil }
        self = action
    }

    /// Whether a sample of a labelled series can be sent as such.
    var sendsSamples: Bool { self == .ingest || self == .batch || self == .metrics }
}
