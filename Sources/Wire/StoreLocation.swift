/// Where series live: in this process, or in a Redis or a Redis Cluster.
package enum StoreLocation: Sendable, Equatable {
    case memory
    case redis(RedisLocation)

    package static let allowed =
        "memory, redis://[user:password@]host[:port][/database] or "
        + "redis-cluster://[user:password@]host[:port][,host[:port]...]"

    /// Reads the text of STORE; nil when it is none of the allowed.
    package init?(_ text: String) {
        if text == "memory" {
            self = .memory
            return
        }
        guard let location = RedisLocation(text) else { return nil }
        self = .redis(location)
    }
}

/// A Redis server, or some of the servers of a Redis Cluster.
package struct RedisLocation: Sendable, Equatable {
    package struct Server: Sendable, Equatable {
        package let host: String
        package let port: UInt16
    }

    package private(set) var servers: [Server] = []
    package private(set) var isCluster = false
    /// Empty for the default user.
    package private(set) var user = ""
    /// Empty for none.
    package private(set) var password = ""
    package private(set) var database = 0

    package static let defaultPort: UInt16 = 6379
    package static let databaseLimit = 65_535

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("redis://") {
            rest = rest.dropFirst("redis://".count)
        } else if rest.hasPrefix("redis-cluster://") {
            rest = rest.dropFirst("redis-cluster://".count)
            isCluster = true
        } else {
            return nil
        }
        if let at = rest.lastIndex(of: "@") {
            guard takeCredentials(rest[..<at]) else { return nil }
            rest = rest[rest.index(after: at)...]
        }
        if let slash = rest.firstIndex(of: "/") {
            let name = rest[rest.index(after: slash)...]
            if !name.isEmpty {
                guard !isCluster, let number = Int(name),
                    (0...RedisLocation.databaseLimit).contains(number)
                else { return nil }
                database = number
            }
            rest = rest[..<slash]
        }
        let parts = rest.split(separator: ",", omittingEmptySubsequences: false)
        guard isCluster || parts.count == 1 else { return nil }
        for part in parts {
            guard let server = Server(part) else { return nil }
            servers.append(server)
        }
    }

    private mutating func takeCredentials(_ text: Substring) -> Bool {
        guard let colon = text.firstIndex(of: ":"),
            let user = percentDecoded(text[..<colon]),
            let password = percentDecoded(text[text.index(after: colon)...]), !password.isEmpty
        else { return false }
        self.user = user
        self.password = password
        return true
    }
}

extension RedisLocation.Server {
    /// Reads `host`, `host:port` or `[IPv6 address]:port`.
    fileprivate init?(_ text: Substring) {
        var host = text
        var port = text.prefix(0)
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<close]
            port = text[text.index(after: close)...]
            guard port.isEmpty || port.hasPrefix(":") else { return nil }
            port = port.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard !port.isEmpty else { return nil }
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        var number = RedisLocation.defaultPort
        if !port.isEmpty {
            guard let given = UInt16(port), given > 0 else { return nil }
            number = given
        }
        self.init(host: String(host), port: number)
    }
}

/// Undoes %-encoding; nil when it is broken.
private func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst(), let low = rest.popFirst(),
            let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(value)
    }
    return String(validating: bytes, as: UTF8.self)
}
