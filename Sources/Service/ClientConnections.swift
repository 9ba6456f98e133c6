internal import Bytes
internal import Store
internal import Synchronization
internal import System
internal import Wire

/// How many connections each client address has open.
final class ClientConnections: Sendable {
    private let limit: Int
    private let open = Mutex<[PeerAddress: Int]>([:])

    /// - Parameter limit: of one address; 0 is without limit, and nothing is counted.
    init(limit: Int) { self.limit = limit }

    var isOff: Bool { limit == 0 }

    /// - Returns: false when the client has as many as it may have.
    func enter(_ client: PeerAddress) -> Bool {
        open.withLock { open in
            guard open[client, default: 0] < limit else { return false }
            open[client, default: 0] += 1
            return true
        }
    }

    func leave(_ client: PeerAddress) {
        open.withLock { open in
            let left = open[client, default: 0] - 1
            open[client] = left > 0 ? left : nil
        }
    }
}

extension Responder where Series: ~Copyable {
    /// Tells a client that has too many connections why this one ends, as far as the socket takes
    /// it at once.
    mutating func turnAway(_ descriptor: borrowing FileDescriptor) {
        var output = ByteBuffer(limit: 4096)
        var request = Request()
        request.keepAlive = false
        request.started = now
        refuse(
            request, .tooManyConnections(limit: shared.configuration.clientConnectionLimit),
            into: &output)
        _ = descriptor.send(from: &output)
    }
}
