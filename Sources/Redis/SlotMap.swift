internal import Bytes

/// Which master of a Redis Cluster holds which of the 16384 hash slots, here called slots.
public struct SlotMap: Sendable {
    public static let slotCount = 16_384
    public static let noOwner: Int16 = -1

    /// Masters, in the order in which they were heard of.
    public private(set) var nodes: [NodeAddress] = []
    private var owners = [Int16](repeating: SlotMap.noOwner, count: SlotMap.slotCount)

    /// Servers of which nothing is known yet.
    public init(_ nodes: [NodeAddress]) { self.nodes = nodes }

    /// One server that holds everything.
    public init(single: NodeAddress) {
        nodes = [single]
        owners = [Int16](repeating: 0, count: SlotMap.slotCount)
    }

    /// Takes over another map's owners. A slot without one there keeps the owner it had, and a
    /// server keeps its index.
    public mutating func adopt(_ other: SlotMap) {
        let indices = other.nodes.map { Int16(index(of: $0)) }
        for slot in 0..<SlotMap.slotCount where other.owners[slot] != SlotMap.noOwner {
            owners[slot] = indices[Int(other.owners[slot])]
        }
    }

    /// Whether the server owns any slot.
    public func isOwner(_ node: Int) -> Bool { owners.contains(Int16(node)) }

    /// The owner of a slot, as an index in `nodes`.
    public func owner(_ slot: UInt16) -> Int? {
        let owner = owners[Int(slot) & (SlotMap.slotCount - 1)]
        return owner == SlotMap.noOwner ? nil : Int(owner)
    }

    public mutating func setOwner(_ slot: Int, _ address: NodeAddress) {
        guard (0..<SlotMap.slotCount).contains(slot) else { return }
        owners[slot] = Int16(index(of: address))
    }

    /// The server's index in `nodes`. A new server is put at the end.
    public mutating func index(of address: NodeAddress) -> Int {
        if let known = nodes.firstIndex(of: address) { return known }
        nodes.append(address)
        return nodes.count - 1
    }

    /// Reads the reply to CLUSTER SLOTS: `[[first, last, [host, port, …], replica …], …]`.
    /// - Parameter asked: who replied; it stands for a host that is left empty.
    /// - Returns: nil when the reply is no map, or a map of nothing.
    public init?(_ reply: Reply, from asked: NodeAddress) {
        guard case .array(let ranges) = reply, !ranges.isEmpty else { return nil }
        for range in ranges {
            guard case .array(let parts) = range, parts.count >= 3,
                case .integer(let first) = parts[0], case .integer(let last) = parts[1],
                case .array(let master) = parts[2], master.count >= 2,
                case .integer(let port) = master[1], let port = UInt16(exactly: port),
                first >= 0, first <= last, last < SlotMap.slotCount
            else { return nil }
            var host = ""
            if case .text(let text) = master[0] { host = String(decoding: text, as: UTF8.self) }
            let address = NodeAddress(host: host, port: port).known(from: asked)
            let owner = Int16(index(of: address))
            for slot in first...last { owners[slot] = owner }
        }
    }

    /// The slot of a key: CRC16 of the text in its first braces, or of the whole key when there is
    /// none (Redis Cluster specification, "Hash tags").
    public static func slot(ofKey key: Span<UInt8>) -> UInt16 {
        var tag = 0..<key.count
        if let open = key.first(UInt8(ascii: "{"), from: 0),
            let close = key.first(UInt8(ascii: "}"), from: open + 1), close > open + 1
        {
            tag = open + 1..<close
        }
        return crc16(key.extracting(tag)) & UInt16(slotCount - 1)
    }

    /// CRC16 of the XMODEM kind: polynomial 0x1021, no reflection, from 0.
    public static func crc16(_ bytes: Span<UInt8>) -> UInt16 {
        var remainder: UInt16 = 0
        for index in bytes.indices {
            remainder ^= UInt16(bytes[index]) << 8
            for _ in 0..<8 {
                remainder = remainder & 0x8000 != 0 ? remainder << 1 ^ 0x1021 : remainder << 1
            }
        }
        return remainder
    }
}

extension Span<UInt8> {
    fileprivate func first(_ byte: UInt8, from start: Int) -> Int? {
        var index = start
        while index < count {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }
}
