internal import Bytes
package import Options

/// Where series live: in this process, in a file, or in a Redis or a Redis Cluster.
package enum StoreLocation: Sendable, Equatable {
    case memory
    /// The path, which is not empty.
    case file(String)
    case redis(RedisLocation)

    private static let filePrefix = "file:"

    package static let allowed = "memory, file:PATH, \(RedisLocation.allowed)"

    package var isRedis: Bool {
        if case .redis = self { true } else { false }
    }

    /// Reads the text of STORE; nil when it is none of the allowed.
    package init?(_ text: String) {
        if text == "memory" {
            self = .memory
            return
        }
        if text.hasPrefix(StoreLocation.filePrefix) {
            let path = String(text.dropFirst(StoreLocation.filePrefix.count))
            guard !path.isEmpty, !path.utf8.contains(0), path.last != "/" else { return nil }
            self = .file(path)
            return
        }
        guard let location = RedisLocation(text) else { return nil }
        self = .redis(location)
    }
}

/// A Redis server, or some of the servers of a Redis Cluster.
package struct RedisLocation: Sendable, Equatable {
    package private(set) var servers: [HostPort] = []
    package private(set) var isCluster = false
    /// By TLS.
    package private(set) var isSecure = false
    /// The name by which sentinels know the master; then the servers are theirs. Else empty.
    package private(set) var master = ""
    /// Empty for the default user.
    package private(set) var user = ""
    /// Empty for none.
    package private(set) var password = ""
    package private(set) var database = 0

    package static let allowed =
        "redis://[user:password@]host[:port][/database], "
        + "redis-cluster://[user:password@]host[:port][,host[:port]...], "
        + "redis-sentinel://[user:password@]host[:port][,...]/MASTER[/database] (rediss... by TLS) "
        + "or redis+unix:PATH"

    package static let defaultPort: UInt16 = 6379
    private static let sentinelPort: UInt16 = 26_379
    package static let databaseLimit = 65_535
    /// What the kernel takes as the path of a socket.
    private static let pathLimit = 108

    private static let socketPrefix = "redis+unix:"

    init?(_ text: String) {
        if text.hasPrefix(RedisLocation.socketPrefix) {
            // A path is a host that begins with a slash.
            let path = String(text.dropFirst(RedisLocation.socketPrefix.count))
            guard path.hasPrefix("/"), path.utf8.count < RedisLocation.pathLimit,
                !path.utf8.contains(0)
            else { return nil }
            servers = [HostPort(host: path, port: RedisLocation.defaultPort)]
            return
        }
        guard let location = Location(text) else { return nil }
        var hasSentinels = false
        switch location.scheme {
        case "redis": break
        case "rediss": isSecure = true
        case "redis-cluster": isCluster = true
        case "rediss-cluster": (isCluster, isSecure) = (true, true)
        case "redis-sentinel": hasSentinels = true
        case "rediss-sentinel": (hasSentinels, isSecure) = (true, true)
        default: return nil
        }
        let port = hasSentinels ? RedisLocation.sentinelPort : RedisLocation.defaultPort
        var path = location.path.dropFirst()
        if hasSentinels {
            master = String(path.prefix { $0 != "/" })
            path = path.dropFirst(master.count).dropFirst()
            guard !master.isEmpty, master.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                return nil
            }
        }
        guard let servers = location.servers(defaultPort: port),
            isCluster || hasSentinels || servers.count == 1, readCredentials(location.userInfo),
            readDatabase(path)
        else { return nil }
        self.servers = servers
    }

    /// Reads `user:password`; either may be empty, but not the password.
    private mutating func readCredentials(_ text: String?) -> Bool {
        guard let text else { return true }
        guard let colon = text.firstIndex(of: ":"),
            let user = PercentEncoding.decode(text[..<colon]),
            let password = PercentEncoding.decode(text[text.index(after: colon)...]),
            !password.isEmpty
        else { return false }
        self.user = user
        self.password = password
        return true
    }

    private mutating func readDatabase(_ text: Substring) -> Bool {
        // A slash alone is what people's tools add.
        if text.isEmpty { return true }
        guard !isCluster, let number = Int(text),
            (0...RedisLocation.databaseLimit).contains(number)
        else { return false }
        database = number
        return true
    }
}
