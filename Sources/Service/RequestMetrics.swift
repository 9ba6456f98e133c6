internal import Bytes
internal import Wire
internal import HTTP
internal import Telemetry

/// What one loop counts of its requests; a scrape adds up all loops'.
final class RequestMetrics: Sendable {
    enum Counter: Int, CaseIterable {
        case ingestRequests, samples, duplicates, anomalies, alerts, linesIgnored
        case remoteUnpaired, remoteIgnored, wrongTokens
        case connections, agedConnections, crowdedConnections, slowConnections, inFlight
    }

    static let statuses: [HTTPStatus] = [
        .ok, .accepted, .noContent, .badRequest, .unauthorized, .notFound, .methodNotAllowed,
        .requestTimeout,
        .lengthRequired, .contentTooLarge, .uriTooLong, .unsupportedMediaType, .tooManyRequests,
        .headersTooLarge, .internalError, .notImplemented, .serviceUnavailable,
        .versionNotSupported, .forbidden, .expectationFailed, .gone,
    ]
    private static let statusCount = 21
    private static let endpointCount = Int(Endpoint.unmatched.rawValue) + 1
    static let methods: [StaticString] = ["GET", "HEAD", "POST", "OPTIONS", "OTHER"]

    private let counters = CounterTable(count: Counter.allCases.count)
    private let rejected = CounterTable(count: SampleError.Fault.allCases.count)
    private let requests = CounterTable(
        count: methods.count * endpointCount * statusCount)
    let durations = DurationBuckets()

    @inline(__always)
    func add(_ amount: Int, _ counter: Counter) {
        counters.add(amount, to: counter.rawValue)
    }

    func value(_ counter: Counter) -> Int { counters[counter.rawValue] }

    func addRejected(_ amount: Int, _ fault: SampleError.Fault) {
        rejected.add(amount, to: Int(fault.rawValue))
    }

    func rejected(_ fault: SampleError.Fault) -> Int { rejected[Int(fault.rawValue)] }

    @inline(__always)
    func countRequest(
        _ method: HTTPMethod, endpoint: Endpoint, status: HTTPStatus, took: TimeSpan
    ) {
        requests.add(
            1,
            to: RequestMetrics.cell(
                method: RequestMetrics.methodIndex(method), endpoint: endpoint,
                status: index(status)))
        durations.record(took)
    }

    func requests(method: Int, endpoint: Endpoint, status: Int) -> Int {
        requests[RequestMetrics.cell(method: method, endpoint: endpoint, status: status)]
    }

    @inline(__always)
    private static func cell(method: Int, endpoint: Endpoint, status: Int) -> Int {
        (method * endpointCount + Int(endpoint.rawValue)) * statusCount + status
    }

    /// The method's index in `methods`.
    @inline(__always)
    static func methodIndex(_ method: HTTPMethod) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .options: 3
        case .other: 4
        }
    }

    /// The status's index in `statuses`; a switch, because it is looked up for every request.
    @inline(__always)
    private func index(_ status: HTTPStatus) -> Int {
        switch status {
        case .ok: 0
        case .accepted: 1
        case .noContent: 2
        case .badRequest: 3
        case .unauthorized: 4
        case .notFound: 5
        case .methodNotAllowed: 6
        case .requestTimeout: 7
        case .lengthRequired: 8
        case .contentTooLarge: 9
        case .uriTooLong: 10
        case .unsupportedMediaType: 11
        case .tooManyRequests: 12
        case .headersTooLarge: 13
        case .internalError: 14
        case .notImplemented: 15
        case .serviceUnavailable: 16
        case .versionNotSupported: 17
        case .forbidden: 18
        case .expectationFailed: 19
        case .gone: 20
        }
    }
}
