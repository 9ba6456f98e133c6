public import Bytes

/// Where Redis is, who we are there, and how long it may take.
public struct ServerSettings: Sendable {
    public var servers: [NodeAddress] = []
    public var isCluster = false
    /// Empty for the default user.
    public var user = ""
    /// Empty for none.
    public var password = ""
    public var database = 0
    /// Replicas are to confirm what is written: the rights for that are needed.
    public var needsReplicas = false
    /// How long Redis may take for an answer.
    public var timeout = TimeSpan.milliseconds(500)

    public init() {}
}
