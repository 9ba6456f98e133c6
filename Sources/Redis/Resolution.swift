package import System
internal import Synchronization

/// Where a server is to be reached, and by which name.
package struct ServerPlace: Sendable, Equatable {
    package let address: SocketAddress
    /// As certificates name it.
    package let host: String
}

/// A server's name being resolved on a thread of its own, by a name server or by sentinels: one
/// that does not answer must not hold up the loop.
package final class Resolution: Sendable {
    private enum State {
        case waiting
        case done([ServerPlace])
        case failed(String)
    }

    private let state = Mutex(State.waiting)

    /// Begins to resolve. When it is done, the loop that watches `wakeUp` is woken.
    package static func begin(
        _ address: NodeAddress, _ settings: ServerSettings, wakeUp: Int32
    ) -> Resolution {
        let resolution = Resolution()
        do throws(SystemError) {
            try DetachedThread.start {
                resolution.resolve(address, settings)
                WakeUp.signal(wakeUp)
            }
        } catch {
            resolution.state.withLock { $0 = .failed(error.description) }
        }
        return resolution
    }

    private func resolve(_ address: NodeAddress, _ settings: ServerSettings) {
        do throws(ResolutionFailure) {
            let places = try address.places(settings)
            state.withLock { $0 = .done(places) }
        } catch {
            state.withLock { $0 = .failed(error.reason) }
        }
    }

    /// The addresses, or why there is none; nil while that is not known.
    package func take() -> Result<[ServerPlace], ResolutionFailure>? {
        state.withLock { state in
            switch state {
            case .waiting: nil
            case .done(let places): .success(places)
            case .failed(let reason): .failure(ResolutionFailure(reason: reason))
            }
        }
    }
}

package struct ResolutionFailure: Error {
    package let reason: String
}

extension NodeAddress {
    /// All places of a server; blocks while others are asked.
    func places(_ settings: ServerSettings) throws(ResolutionFailure) -> [ServerPlace] {
        let server = settings.sentinels.isEmpty ? self : try Sentinels.master(host, settings)
        do throws(ResolveError) {
            return try server.resolved().map { ServerPlace(address: $0, host: server.host) }
        } catch {
            throw ResolutionFailure(reason: error.description)
        }
    }
}
