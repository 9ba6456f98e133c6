internal import Bytes
internal import Redis

/// The keys this service owns in Redis.
package enum SeriesKey {
    static let prefix = "tidemark:{" as StaticString
    package static let fleet = "tidemark:fleet" as StaticString
    package static let devices = "tidemark:devices" as StaticString
    package static let anomalies = "tidemark:anomalies" as StaticString

    /// The key of a device's stream, as bytes.
    package static func device(_ name: Span<UInt8>) -> [UInt8] {
        var key: [UInt8] = []
        for byte in "tidemark:{".utf8 { key.append(byte) }
        for index in name.indices { key.append(name[index]) }
        key.append(UInt8(ascii: "}"))
        return key
    }
}

extension CommandBuffer {
    /// The key of a series: `tidemark:{device}`, or `tidemark:fleet` for the nameless one. The
    /// braces make the device alone decide the slot in a Redis Cluster.
    mutating func add(keyOf device: Span<UInt8>) {
        if device.count == 0 {
            add(SeriesKey.fleet)
            return
        }
        add(SeriesKey.prefix, device, suffix: "}")
    }
}
