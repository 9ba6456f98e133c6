internal import CLinux
internal import Foundation
internal import Synchronization

/// A server on a free port of this machine that does with each connection what a test tells it to:
/// it may be late, silent, wrong or gone.
package final class TalkingServer: Sendable {
    /// One connection, as the server's side sees it.
    package struct Visit: Sendable {
        private let descriptor: Int32
        private let server: TalkingServer
        /// Counted from 0, in the order of arrival.
        package let number: Int

        fileprivate init(_ descriptor: Int32, of server: TalkingServer, number: Int) {
            self.descriptor = descriptor
            self.server = server
            self.number = number
        }

        /// Reads a request, head and body by its Content-Length; nil when the client has closed.
        package func request() -> String? {
            var bytes: [UInt8] = []
            while true {
                let text = String(decoding: bytes, as: UTF8.self)
                if let end = text.range(of: "\r\n\r\n") {
                    let head = text[..<end.lowerBound].lowercased()
                    let length = head.range(of: "content-length: ").flatMap {
                        Int(head[$0.upperBound...].prefix { $0.isNumber })
                    }
                    let bodyCount = text[end.upperBound...].utf8.count
                    if bodyCount >= length ?? 0 {
                        server.noted.withLock { $0.append(text) }
                        return text
                    }
                }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                // SAFETY: the kernel writes at most `buffer.count` bytes.
                let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return nil }
                bytes += buffer[..<count]
            }
        }

        package func send(_ text: String) {
            let bytes = Array(text.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                    // SAFETY: the kernel reads `rest.count` bytes before the call returns.
                    unsafe CLinux.send(
                        descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }

        /// A 200 (or another status) with a body, after which the connection stays open.
        package func respond(_ body: String = "", status: String = "200 OK", headers: String = "") {
            send(
                "HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        package func sleep(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }
    }

    package let port: UInt16
    private let listener: Int32
    private let stopped = Atomic(false)
    private let done = DispatchSemaphore(value: 0)
    private let noted = Mutex<[String]>([])

    /// The requests so far, whole.
    package var requests: [String] { noted.withLock { $0 } }

    /// - Parameter visit: what the server does with a connection, on a thread of its own; the
    ///   connection is closed when it returns.
    package init(_ visit: @escaping @Sendable (Visit) -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: `length` is that of the address, which the kernel reads, then writes.
        let bound = unsafe tm_bind(descriptor, &address, length)
        _ = unsafe tm_local_address(descriptor, &address, &length)
        guard descriptor >= 0, bound == 0, listen(descriptor, 512) == 0 else {
            throw POSIXError(.EADDRINUSE)
        }
        listener = descriptor
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in
            var number = 0
            while true {
                let connection = accept4(listener, nil, nil, 0)
                guard connection >= 0, !stopped.load(ordering: .relaxed) else {
                    if connection >= 0 { close(connection) }
                    break
                }
                let current = Visit(connection, of: self, number: number)
                number += 1
                Thread {
                    visit(current)
                    close(connection)
                }.start()
            }
            close(listener)
            done.signal()
        }.start()
    }

    /// Takes no more connections; those that are open end with their visits.
    package func stop() {
        stopped.store(true, ordering: .relaxed)
        shutdown(listener, Int32(SHUT_RDWR))
        done.wait()
    }
}
