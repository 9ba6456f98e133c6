internal import Bytes
package import HTTP

/// The paths this service knows.
package enum Path: UInt8, CaseIterable, Sendable {
    case ingest, metrics, analyze, stats, health, ready, prometheus, metricsPrometheus
    case devices, anomalies
    /// Everything else, under one name: a raw path would let anybody grow the metrics.
    case unknown

    /// The pattern in the `route` label.
    package var pattern: StaticString {
        switch self {
        case .ingest: "/ingest"
        case .metrics: "/metrics"
        case .analyze: "/analyze"
        case .stats: "/stats"
        case .health: "/health"
        case .ready: "/ready"
        case .prometheus: "/prometheus"
        case .metricsPrometheus: "/metrics/prometheus"
        case .devices: "/devices"
        case .anomalies: "/anomalies"
        case .unknown: "unmatched"
        }
    }

    /// What the path allows, as the Allow header says it.
    package var allow: StaticString {
        switch self {
        case .ingest: "POST"
        case .metrics: "GET, HEAD, POST"
        default: "GET, HEAD"
        }
    }

    var takesPosts: Bool { self == .ingest || self == .metrics }
    var takesGets: Bool { self != .ingest && self != .unknown }
}

/// What a request wants, as far as its request line says.
package enum Route: Equatable {
    case post(Path)
    case get(Path)
    case methodNotAllowed(Path)
    case notFound
}

package enum Router {
    /// Finds the route of a head that was parsed from `bytes`.
    package static func route(_ head: RequestHead, _ bytes: Span<UInt8>) -> Route {
        let path = path(head, bytes)
        guard path != .unknown else { return .notFound }
        switch head.method {
        case .post: return path.takesPosts ? .post(path) : .methodNotAllowed(path)
        case .get, .head: return path.takesGets ? .get(path) : .methodNotAllowed(path)
        case .other: return .methodNotAllowed(path)
        }
    }

    /// The path of the target; its length sorts out all but one or two candidates.
    package static func path(_ head: RequestHead, _ bytes: Span<UInt8>) -> Path {
        func isPath(_ path: Path) -> Bool { bytes.spells(head.path, path.pattern) }
        switch head.path.count {
        case 6: return isPath(.stats) ? .stats : isPath(.ready) ? .ready : .unknown
        case 7: return isPath(.ingest) ? .ingest : isPath(.health) ? .health : .unknown
        case 8:
            if isPath(.metrics) { return .metrics }
            return isPath(.analyze) ? .analyze : isPath(.devices) ? .devices : .unknown
        case 10: return isPath(.anomalies) ? .anomalies : .unknown
        case 11: return isPath(.prometheus) ? .prometheus : .unknown
        case 19: return isPath(.metricsPrometheus) ? .metricsPrometheus : .unknown
        default: return .unknown
        }
    }
}
