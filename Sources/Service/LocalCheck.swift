internal import Bytes
internal import System
internal import HTTP

/// `tidemark check`: asks the service on this machine, for images without a shell or curl.
enum LocalCheck {
    /// How long the answer may take.
    private static let patience = TimeSpan.seconds(2)
    private static let answerLimitBytes = 1 << 20

    /// - Returns: the exit status: 0 for a 200, else 1 with the reason on standard error.
    static func run(port: UInt16, path: String) -> Int32 {
        do throws(SystemError) {
            let status = try ask(port: port, path: path)
            guard status != 200 else { return 0 }
            fail(port, path, "answers \(status)")
        } catch {
            fail(port, path, error.description)
        }
        return 1
    }

    private static func fail(_ port: UInt16, _ path: String, _ reason: String) {
        StandardStreams.writeError("tidemark check: port \(port), \(path): \(reason)\n")
    }

    private static func ask(port: UInt16, path: String) throws(SystemError) -> Int {
        let deadline = Clock.now() + patience
        guard let endpoint = try? Endpoint.resolve(host: "127.0.0.1", port: port) else {
            throw SystemError("connect")
        }
        let socket = try Sockets.connect(to: endpoint)
        var poller = try Poller()
        try poller.add(socket.number, .write, token)
        try wait(&poller, deadline)
        let code = Sockets.pendingError(socket)
        guard code == 0 else { throw SystemError("connect", code) }
        var output = ByteBuffer(limit: 2048)
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        output.append(Array(request.utf8).span)
        // So short a request goes out in one piece.
        guard case .moved = socket.send(from: &output) else { throw SystemError("send") }
        try poller.modify(socket.number, .read, token)
        var input = ByteBuffer(limit: answerLimitBytes)
        while true {
            do throws(ResponseError) {
                if let head = try ResponseParser.parse(input.readable) { return head.status }
            } catch {
                throw SystemError("response", protocolError)
            }
            try wait(&poller, deadline)
            switch socket.receive(into: &input, atMost: 4096) {
            case .moved, .wouldBlock: continue
            case .ended: throw SystemError("receive", connectionReset)
            case .failed(let code): throw SystemError("receive", code)
            }
        }
    }

    private static let token = Token(kind: 0, generation: 0, index: 0)
    /// EPROTO, ECONNRESET and ETIMEDOUT of Linux.
    private static let protocolError: Int32 = 71
    private static let connectionReset: Int32 = 104
    private static let timedOut: Int32 = 110

    private static func wait(_ poller: inout Poller, _ deadline: Instant) throws(SystemError) {
        while true {
            let left = deadline - Clock.now()
            guard left > TimeSpan(nanoseconds: 0) else { throw SystemError("wait", timedOut) }
            if try poller.wait(left) > 0 { return }
        }
    }
}
