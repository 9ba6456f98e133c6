internal import Bytes
package import HTTP

/// The paths this service knows. A new one is a case here, its line in `traits`, and its line where
/// the service replies to questions.
package enum Endpoint: UInt8, CaseIterable, Sendable {
    // The most frequent come first: a path is compared in this order.
    case ingest, metrics, analyze, stats, health, ready, prometheus, metricsPrometheus
    case devices, anomalies, series, incidents, explain
    /// One incident, whose ID stands in the path.
    case incident, incidentFeedback
    case write, writeVersion2, ping, remoteWrite
    /// Everything else, under one name: a raw path would let anybody grow the metrics.
    case unmatched

    /// What a path is and takes.
    package struct Traits {
        /// The path, and the `route` label of its metrics.
        package let pattern: StaticString
        /// What a GET asks for; nil when the path takes none.
        package var question: Question?
        /// The status of a POST that was taken in; nil when the path takes none.
        package var postStatus: HTTPStatus?
        /// Whether a GET is a probe or a scrape. They are never refused for a quota, because they
        /// tell whether the service is well.
        package var isProbe = false
        /// Whether a GET needs no token.
        package var isOpen = false
    }

    package var traits: Traits {
        switch self {
        case .ingest: Traits(pattern: "/ingest", postStatus: .accepted)
        case .metrics:
            Traits(pattern: "/metrics", question: .scrape, postStatus: .ok, isProbe: true)
        case .analyze: Traits(pattern: "/analyze", question: .analysis)
        case .stats: Traits(pattern: "/stats", question: .stats)
        case .health:
            Traits(pattern: "/health", question: .health, isProbe: true, isOpen: true)
        case .ready:
            Traits(pattern: "/ready", question: .readiness, isProbe: true, isOpen: true)
        case .prometheus: Traits(pattern: "/prometheus", question: .scrape, isProbe: true)
        case .metricsPrometheus:
            Traits(pattern: "/metrics/prometheus", question: .scrape, isProbe: true)
        case .devices: Traits(pattern: "/devices", question: .devices)
        case .anomalies: Traits(pattern: "/anomalies", question: .anomalies)
        case .series: Traits(pattern: "/series", question: .series)
        case .explain: Traits(pattern: "/explain", question: .explanation)
        case .incidents: Traits(pattern: "/incidents", question: .incidents)
        case .incident: Traits(pattern: "/incidents/{id}", question: .incident)
        case .incidentFeedback:
            Traits(pattern: "/incidents/{id}/feedback", postStatus: .ok)
        case .write: Traits(pattern: "/write", postStatus: .noContent)
        case .writeVersion2: Traits(pattern: "/api/v2/write", postStatus: .noContent)
        case .ping: Traits(pattern: "/ping", question: .ping, isProbe: true, isOpen: true)
        case .remoteWrite: Traits(pattern: "/api/v1/write", postStatus: .noContent)
        case .unmatched: Traits(pattern: "unmatched")
        }
    }

    /// Whether a POST that was taken in has no body to answer with.
    package var answersNothing: Bool { takesLines || self == .remoteWrite }

    /// Whether its bodies are lines of the line protocol.
    package var takesLines: Bool { self == .write || self == .writeVersion2 }

    /// The methods that the path takes, as the Allow header says them.
    package var allow: StaticString {
        let traits = traits
        if self == .unmatched { return "GET, HEAD, POST, OPTIONS" }
        guard traits.postStatus != nil else { return "GET, HEAD, OPTIONS" }
        return traits.question == nil ? "POST, OPTIONS" : "GET, HEAD, POST, OPTIONS"
    }
}

/// What a GET asks for.
package enum Question: Sendable {
    case analysis, stats, devices, anomalies, series, incidents, incident, explanation
    case health, readiness, scrape, ping
}

/// What a request asks for, as far as its request line says.
package enum Route: Equatable {
    /// Samples follow in the body.
    case post
    case get(Question)
    case methodNotAllowed
    case noSuchPath
    /// Which methods the path takes; also of a path that does not exist, because checks of proxies
    /// ask so.
    case options
}

extension Endpoint {
    /// The endpoint of a path that stands in `bytes`.
    package init(path: ByteRange, _ bytes: Span<UInt8>) {
        var number: UInt8 = 0
        while let candidate = Endpoint(rawValue: number), candidate != .unmatched {
            if bytes.spells(path, candidate.traits.pattern) {
                self = candidate
                return
            }
            number += 1
        }
        self = Endpoint.ofIncident(path, bytes) ?? Endpoint.forgiving(path, bytes)
    }

    private static let incidentPath = "/incidents/" as StaticString
    private static let feedbackPath = "/feedback" as StaticString

    /// The endpoint of a path with the ID of an incident; nil for another path.
    private static func ofIncident(_ path: ByteRange, _ bytes: Span<UInt8>) -> Endpoint? {
        guard let range = idRange(path, bytes) else { return nil }
        return path.end - range.end > 1 ? .incidentFeedback : .incident
    }

    /// Where the ID of an incident stands in a path; nil when there is none.
    private static func idRange(_ path: ByteRange, _ bytes: Span<UInt8>) -> ByteRange? {
        let start = path.start + incidentPath.utf8CodeUnitCount
        guard path.end > start,
            bytes.spells(ByteRange(path.start, start), incidentPath)
        else { return nil }
        var end = path.end
        if bytes[end - 1] == UInt8(ascii: "/") { end -= 1 }
        let feedback = end - feedbackPath.utf8CodeUnitCount
        if feedback > start, bytes.spells(ByteRange(feedback, end), feedbackPath) {
            end = feedback
        }
        return end > start ? ByteRange(start, end) : nil
    }

    /// The ID of the incident that a path names, percent-decoded; nil when there is none.
    package static func incident(of path: ByteRange, _ bytes: Span<UInt8>) -> [UInt8]? {
        idRange(path, bytes).flatMap {
            PercentEncoding.decode(bytes.extracting($0.start..<$0.end), plusIsSpace: false)
        }
    }

    /// The endpoint of a path with slashes that are doubled, or at its end.
    private static func forgiving(_ path: ByteRange, _ bytes: Span<UInt8>) -> Endpoint {
        var plain: [UInt8] = []
        for index in path.start..<path.end {
            let byte = bytes[index]
            if byte == UInt8(ascii: "/"), plain.last == byte { continue }
            plain.append(byte)
        }
        if plain.count > 1, plain.last == UInt8(ascii: "/") { plain.removeLast() }
        guard plain.count < path.end - path.start else { return .unmatched }
        return Endpoint(path: ByteRange(0, plain.count), plain.span)
    }

    /// What a request with this method asks of the endpoint.
    package func route(_ method: HTTPMethod) -> Route {
        if method == .options { return .options }
        if self == .unmatched { return .noSuchPath }
        switch method {
        case .post: return traits.postStatus == nil ? .methodNotAllowed : .post
        case .get, .head: return traits.question.map(Route.get) ?? .methodNotAllowed
        case .options, .other: return .methodNotAllowed
        }
    }
}
