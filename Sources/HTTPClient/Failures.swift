internal import CLinux

/// Why a connection never came to be.
package enum ConnectFailure: Int, CaseIterable, Equatable, Sendable {
    /// Nobody listens there.
    case refused
    /// No way to that host.
    case unreachable
    /// No answer to the attempt in time.
    case timeout
    /// This machine has no port left to that address (EADDRNOTAVAIL).
    case noLocalPort
    /// This process or machine may open no more descriptors.
    case noDescriptor
    /// Reset while it was made.
    case reset
    /// TLS came to nothing: the certificate is not accepted, or what answers speaks no TLS.
    case tls
    /// Anything else.
    case other

    /// What a socket's error number means.
    package init(code: Int32) {
        self =
            switch code {
            case ECONNREFUSED: .refused
            case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, EACCES, EPERM: .unreachable
            case ETIMEDOUT: .timeout
            case EADDRNOTAVAIL, EAGAIN: .noLocalPort
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: .noDescriptor
            case ECONNRESET, EPIPE: .reset
            default: .other
            }
    }

    /// As results spell it.
    package var name: String {
        switch self {
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .timeout: "timeout"
        case .noLocalPort: "no_local_port"
        case .noDescriptor: "no_descriptor"
        case .reset: "reset"
        case .tls: "tls"
        case .other: "other"
        }
    }

    /// For people.
    package var description: String {
        switch self {
        case .refused: "connection refused"
        case .unreachable: "no way to the host"
        case .timeout: "no connection in time"
        case .noLocalPort: "this machine has no port left for connections to it"
        case .noDescriptor: "this process may open no more descriptors"
        case .reset: "reset while connecting"
        case .tls: "no TLS connection"
        case .other: "connecting failed"
        }
    }
}

/// Why a request on a connection got no whole response.
package enum ExchangeFailure: Equatable, Sendable {
    /// The server closed, or reset, before its response was whole.
    case reset
    /// What came is not HTTP.
    case malformed
    /// The response is larger than what this client holds.
    case tooLarge

    /// For people.
    package var description: String {
        switch self {
        case .reset: "the connection was closed before the response was whole"
        case .malformed: "what came is no HTTP response"
        case .tooLarge: "the response is too large"
        }
    }
}
