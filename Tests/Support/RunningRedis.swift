package import Foundation
import Glibc
package import Redis

/// A redis-server of the test's own: on a free port, in a folder of its own, stopped by pid.
package final class RunningRedis {
    package let port: UInt16
    package let folder: URL
    private let program: String
    /// With TEST_REDIS_TLS=1 in the environment of the tests the services reach Redis by TLS.
    private let securePort: UInt16?
    static let isSecuredEverywhere =
        ProcessInfo.processInfo.environment["TEST_REDIS_TLS"] == "1"
    static let everywhere = Result { try TestCertificate(names: ["IP:127.0.0.1"]) }
    private let options: [String]
    package private(set) var process = Process()
    private var isPaused = false

    /// - Parameter program: another server that speaks as Redis does.
    package init(
        port: UInt16? = nil, _ options: [String] = [], program: String = "/usr/bin/redis-server"
    ) throws {
        self.program = program
        securePort = RunningRedis.isSecuredEverywhere ? try clusterPort() : nil
        let port = try port ?? freePort()
        self.port = port
        self.options = options
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("tidemark-redis-\(getpid())-\(port)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    /// - Parameter more: options of this start alone; they win.
    package func start(_ more: [String] = []) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments =
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder.path, "--save", "",
                "--loglevel", "warning",
            ] + options + more
        if let securePort {
            let certificate = try RunningRedis.everywhere.get()
            process.arguments? += [
                "--tls-port", "\(securePort)", "--tls-cert-file", certificate.certificate,
                "--tls-key-file", certificate.key, "--tls-ca-cert-file", certificate.certificate,
                "--tls-auth-clients", "no",
            ]
        }
        process.standardOutput = FileHandle.nullDevice
        try process.begin()
        for _ in 0..<500 {
            if let client = try? RedisClient(port: port), client.isServing { return }
            usleep(10_000)
        }
        throw Failure("redis-server does not answer on port \(port)")
    }

    package func kill() {
        guard process.isRunning else { return }
        if isPaused { resume() }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    package func pause() {
        isPaused = true
        Glibc.kill(process.processIdentifier, SIGSTOP)
    }

    package func resume() {
        isPaused = false
        Glibc.kill(process.processIdentifier, SIGCONT)
    }

    package func client() throws -> RedisClient { try RedisClient(port: port) }

    package var url: String {
        securePort.map { "rediss://127.0.0.1:\($0)" } ?? "redis://127.0.0.1:\(port)"
    }
}

/// A port nobody listens on.
package func freePort() throws -> UInt16 {
    guard let port = bound(to: 0) else { throw Failure("no free port: errno \(errno)") }
    return port
}

/// The port that a socket gets which asks for this one (0 for any); nil when it is taken.
private func bound(to wanted: UInt16) -> UInt16? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = wanted.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: a sockaddr_in is a sockaddr of the family that it names, `length` bytes long.
    let isBound = unsafe withUnsafeMutableBytes(of: &address) { bytes in
        let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
        guard unsafe bind(descriptor, pointer, length) == 0 else { return false }
        return unsafe getsockname(descriptor, pointer, &length) == 0
    }
    return isBound ? UInt16(bigEndian: address.sin_port) : nil
}

/// A free port of a cluster's node, whose bus listens ten thousand ports higher. Both are below the
/// ports that the kernel gives to whoever asks for any.
package func clusterPort() throws -> UInt16 {
    for _ in 0..<200 {
        let port = UInt16.random(in: 10_000..<22_000)
        if isFree(port), isFree(port + 10_000) { return port }
    }
    throw Failure("no port for a cluster")
}

private func isFree(_ port: UInt16) -> Bool { bound(to: port) != nil }

/// A blocking connection that speaks RESP, for tests to look into Redis with.
package final class RedisClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var offset = 0

    package init(port: UInt16) throws {
        descriptor = try connectedSocket(port: port)
    }

    deinit { close(descriptor) }

    /// Whether it is up and has loaded its data; one that wants a password is.
    package var isServing: Bool {
        guard let reply = try? command("PING") else { return false }
        if case .failure(.other(let text)) = reply { return text.starts(with: "NOAUTH".utf8) }
        return reply == .text(Array("PONG".utf8))
    }

    @discardableResult
    package func command(_ words: String...) throws -> Reply { try command(words) }

    @discardableResult
    package func command(_ words: [String]) throws -> Reply {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                // SAFETY: the kernel reads `rest.count` bytes before the call returns.
                unsafe send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("redis: send failed") }
            sent += count
        }
        return try reply()
    }

    package func integer(_ words: String...) throws -> Int {
        guard case .integer(let value) = try command(words) else { return -1 }
        return value
    }

    private func reply() throws -> Reply {
        let line = try self.line()
        let rest = String(decoding: line.dropFirst(), as: UTF8.self)
        switch line.first {
        case UInt8(ascii: "+"): return .text(Array(line.dropFirst()))
        case UInt8(ascii: "-"): return .error(Array(line.dropFirst()))
        case UInt8(ascii: ":"): return .integer(Int(rest) ?? 0)
        case UInt8(ascii: "$"):
            guard let length = Int(rest), length >= 0 else { return .null }
            while buffer.count - offset < length + 2 { try more() }
            let text = Array(buffer[offset..<offset + length])
            offset += length + 2
            return .text(text)
        case UInt8(ascii: "*"):
            guard let count = Int(rest), count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try reply() })
        default: throw Failure("redis: no reply: \(rest)")
        }
    }

    private func line() throws -> [UInt8] {
        var end = offset
        while true {
            while end + 1 < buffer.count {
                if buffer[end] == 0x0D, buffer[end + 1] == 0x0A {
                    let line = Array(buffer[offset..<end])
                    offset = end + 2
                    return line
                }
                end += 1
            }
            let before = offset
            try more()
            end -= before - offset
        }
    }

    private func more() throws {
        if offset > 1 << 20 {
            buffer.removeFirst(offset)
            offset = 0
        }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // SAFETY: the kernel writes at most `chunk.count` bytes.
        let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { throw Failure("redis: closed") }
        buffer += chunk[..<count]
    }
}

/// A blocking connection to a port of this machine.
package func connectedSocket(port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else {
        throw Failure("socket: errno \(errno)")
    }
    var timeout = timeval(tv_sec: 20, tv_usec: 0)
    // SAFETY: the kernel reads each option, of the size told, before the call returns.
    unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    unsafe setsockopt(
        descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = unsafe withUnsafeBytes(of: &address) { bytes in
        // SAFETY: a sockaddr_in is a sockaddr of the family that it names.
        unsafe connect(
            descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
            socklen_t(bytes.count))
    }
    guard result == 0 else {
        close(descriptor)
        throw Failure("connect: errno \(errno)")
    }
    return descriptor
}
