public import Bytes
internal import System
package import TLS

/// Where Redis is, who we are there, and how long it may take.
public struct ServerSettings: Sendable {
    public var servers: [NodeAddress] = []
    public var isCluster = false
    /// Who say where the server is, whose host is a master's name then; none where servers are
    /// named by their addresses.
    public var sentinels: [NodeAddress] = []
    /// Who we are to them.
    public var sentinelUser = ""
    public var sentinelPassword = ""
    /// Empty for the default user.
    public var user = ""
    /// Empty for none.
    public var password = ""
    public var database = 0
    /// Replicas are to confirm what is written: the rights for that are needed.
    public var needsReplicas = false
    /// How long Redis may take for an answer.
    public var timeout = TimeSpan.milliseconds(500)
    /// TLS; nil for none.
    package var secureContext: TLSContext?
    /// What certificates must be made out to; empty for the name by which a server is called.
    package var serverName = ""

    public init() {}

    package func security(of host: String) -> ServerSecurity? {
        secureContext.map {
            ServerSecurity(
                context: $0, serverName: serverName.isEmpty ? host : serverName)
        }
    }
}

/// The TLS of one connection.
package struct ServerSecurity: Sendable {
    let context: TLSContext
    let serverName: String
}

extension CommandBuffer {
    /// Says who we are and which database is meant, where there is something to say.
    mutating func introduce(_ settings: ServerSettings) -> (auth: Bool, select: Bool) {
        let hasPassword = !settings.password.isEmpty
        if hasPassword {
            begin(settings.user.isEmpty ? 2 : 3)
            add("AUTH")
            if !settings.user.isEmpty { add(text: settings.user) }
            add(text: settings.password)
            end()
        }
        if settings.database > 0 {
            begin(2)
            add("SELECT")
            add(integer: settings.database)
            end()
        }
        return (hasPassword, settings.database > 0)
    }
}
