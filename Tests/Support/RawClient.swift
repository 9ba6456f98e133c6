import Bytes
import Foundation
import Glibc
package import TLS

/// A blocking socket that sends what it is told, byte by byte if need be.
package final class RawClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var session: TLSSession?
    private var plaintext = ByteBuffer(limit: 1 << 28)
    private var ciphertext = ByteBuffer(limit: 1 << 28)

    /// - Parameters:
    ///   - trust: by whom the server must be known; nil for a connection without TLS.
    ///   - preface: is sent before the handshake.
    package init(
        port: UInt16, receiveBufferBytes: Int32 = 0, trusting trust: TLSContext.Trust? = nil,
        preface: String = ""
    ) throws {
        descriptor = try connectedSocket(port: port)
        if receiveBufferBytes > 0 {
            var size = receiveBufferBytes
            // SAFETY: the kernel reads `size` before the call returns.
            unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        guard let trust else { return }
        if !preface.isEmpty { try writeRaw(Array(preface.utf8)) }
        session = try TLSSession(TLSContext(trusting: trust), serverName: "localhost")
        try write([])
        while session?.state == .handshaking {
            guard try more() else { throw Failure("closed in the handshake") }
        }
    }

    private static func take(_ buffer: inout ByteBuffer) -> [UInt8] {
        // SAFETY: the bytes are copied at once.
        let bytes = unsafe buffer.readable.withUnsafeBytes { unsafe Array($0) }
        buffer.removeAll()
        return bytes
    }

    /// What the session has to say goes out.
    private func flush() throws {
        try writeRaw(RawClient.take(&ciphertext))
    }

    /// Whether the server has said in the words of TLS that nothing more will come.
    package var isFinished: Bool { session?.state == .finished }

    deinit { close(descriptor) }

    /// Lets the end of this client be a reset.
    package func endsWithReset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        // SAFETY: the kernel reads the option before the call returns.
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    package func write(_ text: String) throws { try write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) throws {
        guard session != nil else { return try writeRaw(bytes) }
        plaintext.append(bytes.span)
        repeat {
            session?.send(&plaintext, into: &ciphertext)
            if case .failed(let error) = session?.state { throw Failure("\(error)") }
            try flush()
            if isFinished {
                plaintext.removeAll()
                throw Failure("the server has said the end")
            }
        } while !plaintext.isEmpty
    }

    private func writeRaw(_ bytes: [UInt8]) throws {
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
        guard session != nil else {
            buffer += chunk[..<count]
            return count > 0
        }
        var arrived = ByteBuffer(limit: max(1, count))
        let bytes = Array(chunk[..<count])
        arrived.append(bytes.span)
        var opened = ByteBuffer(limit: 1 << 20)
        session?.receive(&arrived, into: &opened, answering: &ciphertext)
        if case .failed(let error) = session?.state { throw Failure("\(error)") }
        let plain = RawClient.take(&opened)
        buffer += plain
        try flush()
        return !plain.isEmpty || count > 0 && !isFinished
    }

    /// Whether the server has closed and left nothing unread.
    package func isAtEnd() throws -> Bool {
        if !buffer.isEmpty { return false }
        return try !more()
    }

    /// Drops what was read.
    package func forget() { buffer.removeAll() }

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
            if !isHead, headers["transfer-encoding"] == "chunked" {
                let body = String(decoding: try chunks(), as: UTF8.self)
                return Response(status: status, headers: headers, body: body)
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

    /// What the chunks up to the last one hold.
    private func chunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try readLine()
            guard let length = Int(line, radix: 16) else { throw Failure("no chunk: \(line)") }
            while buffer.count < length + 2 {
                guard try more() else { throw Failure("the chunk ends early") }
            }
            body += buffer.prefix(length)
            guard buffer[length..<length + 2] == [0x0D, 0x0A] else {
                throw Failure("a chunk without its end")
            }
            buffer.removeFirst(length + 2)
            if length == 0 { return body }
        }
    }

    private func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard try more() else { throw Failure("closed in a line") }
        }
    }

    /// What comes up to the end of the stream.
    package func rest() throws -> String {
        while try more() {}
        defer { buffer.removeAll() }
        return String(decoding: buffer, as: UTF8.self)
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
