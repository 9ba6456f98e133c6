import Foundation
import Glibc

/// A blocking socket that sends what it is told, byte by byte if need be.
package final class RawClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    package init(port: UInt16, receiveBufferBytes: Int32 = 0) throws {
        descriptor = try connectedSocket(port: port)
        if receiveBufferBytes > 0 {
            var size = receiveBufferBytes
            // SAFETY: the kernel reads `size` before the call returns.
            unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    deinit { close(descriptor) }

    package func write(_ text: String) throws { try write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let sent = unsafe bytes[offset...].withUnsafeBytes { rest in
                // SAFETY: the kernel reads `rest.count` bytes before the call returns.
                unsafe send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw Failure("send: errno \(errno)") }
            offset += sent
        }
    }

    /// Sends what fits without waiting; how much that was.
    package func writeWithoutWaiting(_ bytes: [UInt8]) -> Int {
        unsafe bytes.withUnsafeBytes { rest in
            // SAFETY: the kernel reads at most `rest.count` bytes before the call returns.
            unsafe send(
                descriptor, rest.baseAddress, rest.count,
                Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }

    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads more; false at the end of the stream.
    private func more() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // SAFETY: the kernel writes at most `chunk.count` bytes.
        let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
        guard count >= 0 else {
            if errno == ECONNRESET { return false }
            throw Failure("recv: errno \(errno)")
        }
        buffer += chunk[..<count]
        return count > 0
    }

    /// Whether the server has closed and left nothing unread.
    package func isAtEnd() throws -> Bool {
        if !buffer.isEmpty { return false }
        return try !more()
    }

    /// Reads one response, past any `100 Continue`.
    package func response(isHead: Bool = false) throws -> Response {
        while true {
            let head = try readHead()
            let lines = head.components(separatedBy: "\r\n")
            let status = Int(lines[0].split(separator: " ")[1]) ?? 0
            if status == 100 { continue }
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 {
                    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
            let length = isHead ? 0 : Int(headers["content-length"] ?? "") ?? 0
            while buffer.count < length {
                guard try more() else { throw Failure("the body ends early") }
            }
            let body = String(decoding: buffer.prefix(length), as: UTF8.self)
            buffer.removeFirst(length)
            return Response(status: status, headers: headers, body: body)
        }
    }

    private func readHead() throws -> String {
        let mark = Array("\r\n\r\n".utf8)
        while true {
            if let end = buffer.indices.first(where: { buffer[$0...].starts(with: mark) }) {
                let head = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 4)
                return head
            }
            guard try more() else { throw Failure("closed before a response") }
        }
    }
}
