internal import System

/// Where a server is.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads the `host:port` of a redirection; IPv6 addresses stand there without brackets. Without
    /// a host, or with `?` for it, the host is that of the server that replied (see
    /// `known(from:)`).
    public init?(redirection text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        self.init(host: String(text[..<colon]), port: port)
    }

    /// The address, with the host of the server that named it where that gave none.
    public func known(from server: NodeAddress) -> NodeAddress {
        host.isEmpty || host == "?" ? NodeAddress(host: server.host, port: port) : self
    }

    /// The host is the path of a socket of this machine.
    package var isPath: Bool { host.hasPrefix("/") }

    /// The address, where nobody needs to be asked for it; nil for a name.
    package var numeric: ServerPlace? {
        guard isPath || SocketAddress.isNumeric(host) else { return nil }
        return (try? resolved()[0]).map { ServerPlace(address: $0, host: host) }
    }

    /// All addresses; blocks while a name server answers.
    func resolved() throws(ResolveError) -> [SocketAddress] {
        if isPath {
            guard let address = SocketAddress(path: host) else {
                throw ResolveError(host: host, reason: "the path is too long for a socket")
            }
            return [address]
        }
        return try SocketAddress.resolveAll(host: host, port: port)
    }

    /// Without a port: a path, or the name of a master that sentinels know.
    public var description: String { isPath || port == 0 ? host : "\(host):\(port)" }
}
