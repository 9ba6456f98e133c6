import Foundation
import Glibc
import Numerics
import TestSupport

/// Stands between the service and Redis, and does to the bytes what networks do: delays them,
/// splits them, and cuts connections in the middle of a word.
final class CuttingProxy: @unchecked Sendable {
    enum Direction: Sendable { case toServer, toClient }

    let port: UInt16
    private let target: UInt16
    private let listener: Int32
    private let lock = NSLock()
    private var isStopped = false
    private var cut: (direction: Direction, bytes: Int)?
    private var cutsDone = 0
    private var random: SeededRandom
    private var delayMicroseconds = 0
    private var pieceBytes = 0

    init(to target: UInt16, seed: UInt64 = 1) throws {
        self.target = target
        port = try freePort()
        random = SeededRandom(seed: seed)
        listener = try CuttingProxy.listen(port)
        Thread.detachNewThread { [self] in acceptAll() }
    }

    deinit { stop() }

    func stop() {
        let first = lock.withLock {
            defer { isStopped = true }
            return !isStopped
        }
        if first { shutdown(listener, Int32(SHUT_RDWR)) }
    }

    /// Cuts the connection that first carries so many more bytes in a direction.
    func cutAfter(_ bytes: Int, _ direction: Direction) {
        lock.withLock { cut = (direction, bytes) }
    }

    /// Every chunk waits up to so long, and goes on in pieces of up to so many bytes.
    func disturb(delayMicroseconds: Int, pieceBytes: Int) {
        lock.withLock {
            self.delayMicroseconds = delayMicroseconds
            self.pieceBytes = pieceBytes
        }
    }

    var cuts: Int { lock.withLock { cutsDone } }
    var isCutPending: Bool { lock.withLock { cut != nil } }

    static func listen(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        // SAFETY: the kernel reads the value, whose size is given, during the call.
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // SAFETY: the address lives during the call, and its own size is given.
        let isListening = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe bind(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count)) == 0
        }
        guard isListening, Glibc.listen(descriptor, 64) == 0 else {
            throw Failure("proxy: errno \(errno)")
        }
        return descriptor
    }

    private func acceptAll() {
        while !lock.withLock({ isStopped }) {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard let server = try? connectedSocket(port: target) else {
                close(client)
                continue
            }
            var forever = timeval(tv_sec: 0, tv_usec: 0)
            // SAFETY: the kernel reads the value, whose size is given, during the call.
            unsafe setsockopt(
                server, SOL_SOCKET, SO_RCVTIMEO, &forever, socklen_t(MemoryLayout<timeval>.size))
            let pair = Pair(client: client, server: server)
            Thread.detachNewThread { [self] in pump(pair, .toServer) }
            Thread.detachNewThread { [self] in pump(pair, .toClient) }
        }
        close(listener)
    }

    /// Two sockets that live and die together; closed when both pumps have let go.
    private final class Pair: Sendable {
        let client: Int32
        let server: Int32
        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }
        func cut() {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
        deinit {
            close(client)
            close(server)
        }
    }

    private func pump(_ pair: Pair, _ direction: Direction) {
        let (from, to) =
            direction == .toServer ? (pair.client, pair.server) : (pair.server, pair.client)
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            // SAFETY: the kernel writes at most as many bytes as the array has.
            let count = unsafe recv(from, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            let allowed = allowance(count, direction)
            guard forward(chunk[..<allowed], to), allowed == count else { break }
        }
        pair.cut()
    }

    /// How many of the bytes may pass before a cut.
    private func allowance(_ count: Int, _ direction: Direction) -> Int {
        lock.withLock {
            guard let planned = cut, planned.direction == direction else { return count }
            if count < planned.bytes {
                cut = (direction, planned.bytes - count)
                return count
            }
            cut = nil
            cutsDone += 1
            return planned.bytes - 1
        }
    }

    private func forward(_ bytes: ArraySlice<UInt8>, _ to: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let (delay, piece) = lock.withLock {
                (
                    delayMicroseconds > 0 ? Int(random.next() % UInt64(delayMicroseconds)) : 0,
                    pieceBytes > 0 ? 1 + Int(random.next() % UInt64(pieceBytes)) : rest.count
                )
            }
            if delay > 0 { usleep(UInt32(delay)) }
            // SAFETY: the buffer lives during the call, and its own size is given.
            let sent = unsafe rest.prefix(piece).withUnsafeBytes { part in
                unsafe send(to, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}
