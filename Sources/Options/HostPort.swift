/// A server by its name and port, as in `example.org:8080`, `10.0.0.1` or `[::1]:6379`.
package struct HostPort: Equatable, Sendable {
    /// What a message says of the form.
    package static let form = "HOST, HOST:PORT or [IPv6 address]:PORT, the port 1 to 65535"
    /// Longest name that DNS knows (RFC 1035), with room for an address and its zone.
    private static let hostByteLimit = 255

    /// A name or an address without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads a server; nil when the text names none.
    ///
    /// An IPv6 address needs its brackets: without them nobody can tell where its port begins.
    package init?(_ text: some StringProtocol, defaultPort: UInt16) {
        var host = Substring(text)
        var portText: Substring?
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty { portText = rest.dropFirst() }
            host = host[host.index(after: host.startIndex)..<close]
            guard host.contains(":") else { return nil }
        } else if let colon = host.firstIndex(of: ":") {
            portText = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        guard HostPort.isHost(host) else { return nil }
        guard let portText else {
            self.init(host: String(host), port: defaultPort)
            return
        }
        guard let port = HostPort.port(portText) else { return nil }
        self.init(host: String(host), port: port)
    }

    private static func port(_ text: Substring) -> UInt16? {
        // UInt16 alone would also take a plus sign.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text) else {
            return nil
        }
        return port > 0 ? port : nil
    }

    private static func isHost(_ text: Substring) -> Bool {
        let forbidden = Array("/?#@[]\"<>\\^`{|} ,".utf8)
        return !text.isEmpty && text.utf8.count <= hostByteLimit
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !forbidden.contains($0) }
    }

    /// The host as it stands in a URL: an IPv6 address in brackets.
    package var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

    /// `host:port`, as `init` reads it.
    package var text: String { "\(bracketedHost):\(port)" }
}
