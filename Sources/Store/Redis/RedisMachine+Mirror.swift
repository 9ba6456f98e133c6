internal import Redis
internal import Bytes

/// The keys that the five services before this one wrote for people to look at. Nothing reads them
/// here, and no answer waits for them.
extension RedisMachine {
    /// `metric:<timestamp>` lives so long.
    private static var mirrorSeconds: Int { 300 }
    /// Entries of the list `metrics`.
    private static var mirrorListLength: Int { 1000 }

    /// Writes samples as JSON objects, oldest first, under their timestamps and into the list.
    package mutating func mirror(samples: [MirroredSample]) {
        guard let last = samples.last else { return }
        let list = "metrics" as StaticString
        for sample in samples {
            enlistWrite(sample.key.span) { commands in
                commands.begin(5)
                commands.add("SET")
                commands.add(sample.key.span)
                commands.add(sample.text.span)
                commands.add("EX")
                commands.add(integer: RedisMachine.mirrorSeconds)
                commands.end()
            }
        }
        set("last_metric", last.text)
        enlistWrite(list.bytes.span) { commands in
            commands.begin(2 + samples.count)
            commands.add("LPUSH")
            commands.add(list)
            for sample in samples { commands.add(sample.text.span) }
            commands.end()
        }
        enlistWrite(list.bytes.span) { commands in
            commands.begin(4)
            commands.add("LTRIM")
            commands.add(list)
            commands.add("0")
            commands.add(integer: RedisMachine.mirrorListLength - 1)
            commands.end()
        }
    }

    /// Writes the fleet's analysis as one JSON object.
    package mutating func mirror(analysis: [UInt8]) {
        set("last_analysis", analysis)
    }

    private mutating func set(_ key: StaticString, _ value: [UInt8]) {
        enlistWrite(key.bytes.span) { commands in
            commands.begin(3)
            commands.add("SET")
            commands.add(key)
            commands.add(value.span)
            commands.end()
        }
    }

    private mutating func enlistWrite(
        _ key: Span<UInt8>, _ body: (inout CommandBuffer) -> Void
    ) {
        enlistWrite(settings.isCluster ? SlotMap.slot(ofKey: key) : 0, body)
    }
}

/// A sample as the five services kept it.
package struct MirroredSample: Sendable {
    /// `metric:<timestamp>`.
    package let key: [UInt8]
    package let text: [UInt8]

    package init(key: [UInt8], text: [UInt8]) {
        self.key = key
        self.text = text
    }
}
