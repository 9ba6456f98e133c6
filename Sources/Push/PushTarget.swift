internal import Bytes
internal import HTTPClient
package import Options
internal import System
package import TLS

/// Where notifications go.
package struct PushTarget: Sendable {
    /// A request takes at most so long.
    static let timeout = TimeSpan.seconds(5)
    static let requestLimit = 4 << 20
    private static let responseLimit = 1 << 20

    package let kind: PushKind
    package let url: ServiceURL
    /// A file with a token that is sent as Bearer; empty for none. It is read for each request, so
    /// that it can be renewed.
    package let tokenFile: String
    /// With which the webhook's bodies are signed; empty for none.
    package let secret: String
    private let security: TLSContext?

    /// - Parameter trust: of https; others are not asked.
    package init(
        _ kind: PushKind, _ url: ServiceURL, tokenFile: String, secret: String = "",
        trust: TLSContext.Trust
    ) throws(TLSError) {
        self.kind = kind
        self.url = url
        self.tokenFile = tokenFile
        self.secret = secret
        security = url.isSecure ? try TLSContext(trusting: trust) : nil
    }

    /// For log lines. A webhook's path may be a secret.
    var name: String { "\(kind.word) at \(url.server.text)" }

    /// A client for it, with the addresses that its name has now.
    func connect() throws(RequestError) -> SynchronousClient {
        try SynchronousClient(
            host: url.server.host, port: url.server.port,
            security: security.map {
                HTTPConnection.Security($0, serverName: url.server.host)
            },
            timeout: PushTarget.timeout, requestLimit: PushTarget.requestLimit,
            bodyLimit: PushTarget.responseLimit)
    }

    /// A request with a JSON body.
    /// - Parameter headers: further ones, each with its end of line.
    /// - Throws: the reason, when the token cannot be read.
    func request(
        _ path: String, headers: String = "", body: borrowing ByteBuffer
    ) throws(FileError) -> ByteBuffer {
        var authorization = ""
        if !tokenFile.isEmpty {
            let token = try Files.read(tokenFile).split(whereSeparator: { $0 <= 0x20 }).first ?? []
            authorization = "Authorization: Bearer \(String(decoding: token, as: UTF8.self))\r\n"
        }
        var request = ByteBuffer(limit: PushTarget.requestLimit)
        request.append(
            text: "POST \(path) HTTP/1.1\r\nHost: \(url.hostHeader)\r\n"
                + "Content-Type: application/json\r\nUser-Agent: tidemark\r\n\(authorization)\(headers)"
                + "Content-Length: \(body.count)\r\n\r\n")
        request.append(body.readable)
        return request
    }
}
