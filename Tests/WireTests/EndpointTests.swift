import Bytes
import HTTP
import Testing
import Wire

@Suite struct EndpointTests {
    private func endpoint(_ path: String) -> Endpoint {
        let bytes = Array(path.utf8)
        return Endpoint(path: ByteRange(0, bytes.count), bytes.span)
    }

    @Test("each path is found by its pattern, and nothing else is")
    func findsPaths() {
        for endpoint in Endpoint.allCases where endpoint != .unmatched {
            #expect(self.endpoint("\(endpoint.traits.pattern)") == endpoint)
            guard endpoint != .incident, endpoint != .incidentFeedback else { continue }
            #expect(self.endpoint("\(endpoint.traits.pattern)x") == .unmatched)
        }
        for path in ["/", "", "/inges", "/INGEST", "unmatched", "/metrics/prometheus/x"] {
            #expect(endpoint(path) == .unmatched, "\(path)")
        }
    }

    @Test("the ID of an incident stands in a path, percent-encoded, with or without a slash behind")
    func findsIncidents() {
        func id(_ path: String) -> String? {
            let bytes = Array(path.utf8)
            return Endpoint.incident(of: ByteRange(0, bytes.count), bytes.span).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        #expect(endpoint("/incidents/2-5-a%2Fb") == .incident)
        #expect(id("/incidents/2-5-a%2Fb") == "2-5-a/b")
        #expect(endpoint("/incidents/2-5-/") == .incident && id("/incidents/2-5-/") == "2-5-")
        #expect(endpoint("/incidents/2-5-x/feedback") == .incidentFeedback)
        #expect(id("/incidents/2-5-x/feedback/") == "2-5-x")
        #expect(endpoint("/incidents/") == .incidents && id("/incidents/") == nil)
        #expect(endpoint("/incident/2-5-x") == .unmatched)
        #expect(id("/incidents/%zz") == nil)
    }

    @Test("the method decides what a request asks of a path")
    func routesMethods() {
        #expect(Endpoint.ingest.route(.post) == .post)
        #expect(Endpoint.ingest.route(.get) == .methodNotAllowed)
        #expect(Endpoint.metrics.route(.post) == .post)
        #expect(Endpoint.metrics.route(.get) == .get(.scrape))
        #expect(Endpoint.health.route(.head) == .get(.health))
        #expect(Endpoint.health.route(.post) == .methodNotAllowed)
        #expect(Endpoint.analyze.route(.other) == .methodNotAllowed)
        #expect(Endpoint.unmatched.route(.get) == .noSuchPath)
        #expect(Endpoint.unmatched.route(.other) == .noSuchPath)
    }

    @Test("the Allow header names exactly the methods that are routed")
    func allowsWhatItRoutes() {
        for endpoint in Endpoint.allCases where endpoint != .unmatched {
            let allowed = "\(endpoint.allow)".split(separator: ", ").map(String.init)
            let routed = [
                ("GET", HTTPMethod.get), ("HEAD", .head), ("POST", .post), ("OPTIONS", .options),
            ].filter { endpoint.route($0.1) != .methodNotAllowed }
                .map(\.0)
            #expect(allowed == routed, "\(endpoint)")
        }
    }

    @Test(
        "slashes that are doubled, or at the end, are forgiven",
        arguments: [
            ("/ingest/", Endpoint.ingest), ("//ingest", .ingest),
            ("/metrics//prometheus/", .metricsPrometheus),
            ("/", .unmatched), ("//", .unmatched), ("", .unmatched), ("/ingest/x/", .unmatched),
        ])
    func forgivesSlashes(_ path: String, _ endpoint: Endpoint) {
        let bytes = Array(path.utf8)
        #expect(Endpoint(path: ByteRange(0, bytes.count), bytes.span) == endpoint)
    }

    @Test("only probes and scrapes are free of the quota")
    func knowsProbes() {
        let probes = Endpoint.allCases.filter(\.traits.isProbe)
        #expect(probes == [.metrics, .health, .ready, .prometheus, .metricsPrometheus, .ping])
    }
}
