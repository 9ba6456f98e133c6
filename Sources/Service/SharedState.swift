internal import Bytes
internal import Detection
internal import HTTP
internal import Push
internal import Store
internal import Synchronization
internal import System
internal import Wire

/// How long a connection may take over each of its phases.
struct Timeouts {
    let idle: TimeSpan
    let head: TimeSpan
    let body: TimeSpan
}

/// What all loops of the process share.
final class SharedState: Sendable {
    let configuration: Configuration
    let parameters: FoldParameters
    let limits: HTTPLimits
    let timeouts: Timeouts
    /// What the loops share of the store: for probes and scrapes.
    let store: any SharedStore
    let quota: ClientQuota
    let wrongTokens = ClientQuota.ofWrongTokens()
    let clients: ClientConnections
    let access: Access
    /// nil without TLS.
    let certificate: Certificate?
    let startedUnixSeconds: Double
    /// One per loop, in the loops' order.
    let metrics: [RequestMetrics]
    let pushMetrics = PushMetrics()
    let openConnections = Atomic<Int>(0)
    /// When some loop last told that no connection can be accepted.
    private let exhaustionTold = Mutex<Instant?>(nil)
    private let draining = Atomic<Bool>(false)

    init(
        _ configuration: Configuration, _ parameters: FoldParameters, store: any SharedStore,
        access: Access, certificate: Certificate?, loops: Int
    ) {
        self.access = access
        self.certificate = certificate
        self.configuration = configuration
        self.parameters = parameters
        self.store = store
        var limits = HTTPLimits()
        limits.bodyBytes = configuration.bodyLimitBytes
        self.limits = limits
        timeouts = Timeouts(
            idle: configuration.idleTimeout, head: configuration.headTimeout,
            body: configuration.bodyTimeout)
        clients = ClientConnections(limit: configuration.clientConnectionLimit)
        quota = ClientQuota(requestsPerSecond: configuration.clientQuota)
        startedUnixSeconds = Double(Clock.unixNanoseconds()) * 1e-9
        metrics = (0..<loops).map { _ in RequestMetrics() }
    }

    /// Whether the process is stopping: not ready, and every reply is a connection's last.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    /// Whether to tell again that no connection can be accepted: once a minute, whichever loop
    /// meets it.
    func tellsExhaustion(_ now: Instant) -> Bool {
        exhaustionTold.withLock { told in
            if let last = told, now < last + .seconds(60) { return false }
            told = now
            return true
        }
    }

    func startDraining() { draining.store(true, ordering: .relaxed) }
}

extension FoldParameters {
    init(_ configuration: Configuration) {
        self.init()
        windowSize = configuration.windowSize
        zThreshold = configuration.zThreshold
        minimumSamples = configuration.minimumSamples
        alertThreshold = configuration.alertThreshold
    }
}
