internal import Bytes
internal import HTTPClient
internal import System
internal import TLS

/// `tidemark check`: asks the service on this machine, for images without a shell or curl.
enum LocalCheck {
    /// How long the response may take.
    private static let timeout = TimeSpan.seconds(2)
    private static let requestLimit = 2048
    private static let bodyLimit = 1 << 20

    /// - Parameters:
    ///   - host: an address of this machine.
    ///   - isSecure: by TLS; whoever has the port there is the service.
    /// - Returns: the exit status: 0 for a 200, else 1 with the reason on standard error.
    static func run(host: String, port: UInt16, path: String, isSecure: Bool) -> Int32 {
        do throws(RequestError) {
            let status = try ask(host: host, port: port, path: path, isSecure: isSecure)
            guard status != 200 else { return 0 }
            fail(port: port, path: path, reason: "answers \(status)")
        } catch {
            fail(port: port, path: path, reason: error.description)
        }
        return 1
    }

    private static func fail(port: UInt16, path: String, reason: String) {
        StandardStreams.writeError("tidemark check: port \(port), \(path): \(reason)\n")
    }

    private static func ask(
        host: String, port: UInt16, path: String, isSecure: Bool
    ) throws(RequestError) -> Int {
        let security: HTTPConnection.Security?
        do throws(TLSError) {
            security =
                isSecure
                ? .init(try TLSContext(trusting: .anybody), serverName: "localhost") : nil
        } catch {
            throw RequestError(outcome: .notSent, description: error.description)
        }
        var client = try SynchronousClient(
            host: host, port: port, security: security, timeout: timeout,
            requestLimit: requestLimit,
            bodyLimit: bodyLimit)
        var request = ByteBuffer(limit: requestLimit)
        request.append(
            text: "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return try client.exchange(request).status
    }
}
