internal import Bytes
internal import Wire
internal import HTTP
internal import Telemetry

/// What one worker counts; a scrape adds up all workers'.
final class WorkerMetrics: Sendable {
    enum Counter: Int, CaseIterable {
        case ingestRequests, samples, anomalies, alerts
        case connections, inFlight
    }

    static let statuses: [HTTPStatus] = [
        .ok, .accepted, .badRequest, .unauthorized, .notFound, .methodNotAllowed, .requestTimeout,
        .lengthRequired, .contentTooLarge, .uriTooLong, .unsupportedMediaType, .tooManyRequests,
        .headersTooLarge, .internalError, .notImplemented, .serviceUnavailable,
        .versionNotSupported,
    ]
    static let methods: [StaticString] = ["GET", "HEAD", "POST", "OTHER"]

    private let counters = CounterTable(count: Counter.allCases.count)
    private let rejected = CounterTable(count: SampleError.Fault.allCases.count)
    private let requests = CounterTable(
        count: methods.count * Path.allCases.count * statuses.count)
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
    func countRequest(_ method: HTTPMethod, _ path: Path, _ status: HTTPStatus, took: TimeSpan) {
        requests.add(
            1,
            to: WorkerMetrics.place(
                WorkerMetrics.methodIndex(method), Int(path.rawValue), index(status)))
        durations.record(took)
    }

    func requests(method: Int, path: Int, status: Int) -> Int {
        requests[WorkerMetrics.place(method, path, status)]
    }

    @inline(__always)
    private static func place(_ method: Int, _ path: Int, _ status: Int) -> Int {
        (method * Path.allCases.count + path) * 17 + status
    }

    /// The method's place in `methods`.
    @inline(__always)
    static func methodIndex(_ method: HTTPMethod) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .other: 3
        }
    }

    /// The status's place in `statuses`; a switch, because it is looked up for every request.
    @inline(__always)
    private func index(_ status: HTTPStatus) -> Int {
        switch status {
        case .ok: 0
        case .accepted: 1
        case .badRequest: 2
        case .unauthorized: 3
        case .notFound: 4
        case .methodNotAllowed: 5
        case .requestTimeout: 6
        case .lengthRequired: 7
        case .contentTooLarge: 8
        case .uriTooLong: 9
        case .unsupportedMediaType: 10
        case .tooManyRequests: 11
        case .headersTooLarge: 12
        case .internalError: 13
        case .notImplemented: 14
        case .serviceUnavailable: 15
        case .versionNotSupported: 16
        }
    }
}
