package import Bytes
package import HTTP

/// A request whose head was read: what it is about, and how its reply is framed.
package struct Request {
    package var endpoint = Endpoint.unmatched
    package var method = HTTPMethod.other
    package var isVersion10 = false
    /// Whether the connection goes on afterwards.
    package var keepAlive = true
    /// Which verdicts the reply to a batch lists.
    package var selection = VerdictSelection.flagged
    /// The unit of times in its lines.
    package var precision = LineProtocol.Precision.nanoseconds
    /// How its body is coded.
    package var coding = ContentCoding.identity
    /// The hash of its `Idempotency-Key`, to which its body is still to be added; nil without one.
    package var key: RequestKey?
    /// The place in CORS_ORIGINS of the page that sent it; -1 for another page, or none.
    package var allowedOrigin: Int16 = -1
    /// When its first byte came.
    package var started = Instant.zero

    package init() {}

    package init(_ head: RequestHead, _ bytes: Span<UInt8>, started: Instant) {
        endpoint = Endpoint(path: head.path, bytes)
        method = head.method
        isVersion10 = head.isVersion10
        keepAlive = head.keepAlive
        self.started = started
    }
}

/// What a request asks the store for, besides storing samples.
package enum Call: Sendable, Equatable {
    /// The state of a device's series, or of the fleet's when there is no name.
    case analysis(device: [UInt8]?)
    case stats
    /// A page of devices, newest activity first; those that follow `after`, where it is given.
    case devices(after: [UInt8]?, limit: Int)
    case anomalies(AnomalyFilter)
    /// Apart in memory, so that the frequent ones stay small.
    indirect case series(SeriesQuery)
}

/// Which flagged samples are wanted.
package struct AnomalyFilter: Sendable, Equatable {
    /// nil is every device, and the fleet.
    package var device: [UInt8]?
    package var alertsOnly = false
    package var limit = Query.defaultPage

    package init(device: [UInt8]? = nil, alertsOnly: Bool = false, limit: Int) {
        self.device = device
        self.alertsOnly = alertsOnly
        self.limit = limit
    }

    /// Whether a flagged sample of a device (empty for the fleet's) is one of those.
    package func accepts(device name: Span<UInt8>, isAlert: Bool) -> Bool {
        if alertsOnly, !isAlert { return false }
        guard let device else { return true }
        guard device.count == name.count else { return false }
        for index in name.indices where device[index] != name[index] { return false }
        return true
    }
}
