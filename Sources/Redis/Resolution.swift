package import System
internal import Synchronization

/// A host name being resolved on a thread of its own: a name server that does not answer must not
/// hold up the loop.
package final class Resolution: Sendable {
    private enum State {
        case waiting
        case done([SocketAddress])
        case failed(String)
    }

    private let state = Mutex(State.waiting)

    /// Begins to resolve. When it is done, the loop that watches `wakeUp` is woken.
    package static func begin(_ address: NodeAddress, wakeUp: Int32) -> Resolution {
        let resolution = Resolution()
        do throws(SystemError) {
            try DetachedThread.start {
                resolution.resolve(address)
                WakeUp.signal(wakeUp)
            }
        } catch {
            resolution.state.withLock { $0 = .failed(error.description) }
        }
        return resolution
    }

    private func resolve(_ address: NodeAddress) {
        do throws(ResolveError) {
            let addresses = try address.resolved()
            state.withLock { $0 = .done(addresses) }
        } catch {
            state.withLock { $0 = .failed(error.description) }
        }
    }

    /// The addresses, or why there is none; nil while that is not known.
    package func take() -> Result<[SocketAddress], ResolutionFailure>? {
        state.withLock { state in
            switch state {
            case .waiting: nil
            case .done(let addresses): .success(addresses)
            case .failed(let reason): .failure(ResolutionFailure(reason: reason))
            }
        }
    }
}

package struct ResolutionFailure: Error {
    package let reason: String
}
