import Foundation
import Redis
import Store
import TestSupport

/// A Redis Cluster of the test's own: three masters, each with a replica, on loopback.
final class RunningCluster {
    private(set) var nodes: [RunningRedis] = []
    private var ids: [String] = []

    /// - Parameter names: how a node tells where others are, as `cluster-preferred-endpoint-type`
    ///   has it.
    init(names: String = "ip") throws {
        for _ in 0..<6 {
            nodes.append(
                try RunningRedis(
                    port: clusterPort(),
                    [
                        "--cluster-enabled", "yes", "--cluster-node-timeout", "800",
                        "--cluster-preferred-endpoint-type", names,
                    ]))
        }
        ids = try nodes.map { try RunningCluster.text($0.client().command("CLUSTER", "MYID")) }
        for node in nodes.dropFirst() {
            try nodes[0].client().command("CLUSTER", "MEET", "127.0.0.1", "\(node.port)")
        }
        let bounds = [0, 5461, 10_923, 16_384]
        for master in 0..<3 {
            try nodes[master].client().command(
                "CLUSTER", "ADDSLOTSRANGE", "\(bounds[master])", "\(bounds[master + 1] - 1)")
        }
        // A server becomes a replica once it has heard of its master.
        try RunningCluster.wait("the nodes know each other") {
            try nodes.allSatisfy { try $0.info("cluster_known_nodes") == 6 }
        }
        for replica in 3..<6 {
            try RunningCluster.wait("a replica follows") {
                let reply = try nodes[replica].client().command(
                    "CLUSTER", "REPLICATE", ids[replica - 3])
                return reply == .text(Array("OK".utf8))
            }
        }
        try RunningCluster.wait("the cluster is whole") {
            try nodes.allSatisfy { try $0.isClusterUp }
                && (0..<3).allSatisfy { try nodes[$0].attachedReplicas == 1 }
        }
    }

    private static func text(_ reply: Reply) -> String {
        guard case .text(let bytes) = reply else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func wait(_ what: String, _ isSo: () throws -> Bool) throws {
        for _ in 0..<600 {
            if try isSo() { return }
            usleep(50_000)
        }
        throw Failure("waited in vain: \(what)")
    }

    var url: String { "redis-cluster://127.0.0.1:\(nodes[1].port),127.0.0.1:\(nodes[0].port)" }

    /// The place of the master that holds a slot, asked of any node that lives.
    func master(of slot: UInt16) throws -> Int {
        for node in nodes where node.process.isRunning {
            guard let client = try? node.client(),
                let map = SlotMap(
                    try client.command("CLUSTER", "SLOTS"),
                    from: NodeAddress(host: "127.0.0.1", port: node.port)),
                let owner = map.owner(slot),
                let place = nodes.firstIndex(where: { $0.port == map.nodes[owner].port })
            else { continue }
            return place
        }
        throw Failure("nobody knows the slot")
    }

    /// A way to each master that lives.
    func masters() throws -> [RedisClient] {
        try nodes.filter(\.process.isRunning).compactMap { node in
            let client = try node.client()
            guard case .array(let role) = try client.command("ROLE"),
                role.first == .text(Array("master".utf8))
            else { return nil }
            return client
        }
    }

    /// Moves a slot from its master to another, while both serve.
    func move(_ slot: UInt16, to target: Int) throws {
        let source = try master(of: slot)
        let (from, to) = (try nodes[source].client(), try nodes[target].client())
        try to.command("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", ids[source])
        try from.command("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", ids[target])
        // For a while keys are on both sides: some are moved, some not, new ones are made there.
        usleep(200_000)
        while case .array(let keys) = try from.command("CLUSTER", "GETKEYSINSLOT", "\(slot)", "10"),
            !keys.isEmpty
        {
            for case .text(let key) in keys {
                try from.command(
                    "MIGRATE", "127.0.0.1", "\(nodes[target].port)",
                    String(decoding: key, as: UTF8.self), "0", "5000")
            }
        }
        usleep(200_000)
        try to.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", ids[target])
        try from.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", ids[target])
    }
}

extension RunningRedis {
    private func lines(_ words: String...) throws -> [Substring] {
        guard case .text(let text) = try client().command(words) else { return [] }
        return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
    }

    fileprivate func info(_ name: String) throws -> Int {
        for line in try lines("CLUSTER", "INFO") where line.hasPrefix(name + ":") {
            return Int(line.dropFirst(name.count + 1)) ?? 0
        }
        return 0
    }

    fileprivate var isClusterUp: Bool {
        get throws { try lines("CLUSTER", "INFO").contains("cluster_state:ok") }
    }

    fileprivate var attachedReplicas: Int {
        get throws {
            guard case .array(let role) = try client().command("ROLE"), role.count > 2,
                case .array(let replicas) = role[2]
            else { return 0 }
            return replicas.count
        }
    }
}
