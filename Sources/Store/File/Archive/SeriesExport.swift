internal import Bytes
package import Detection
internal import SeriesLog

/// Samples of a file in the order in which they came, so that whoever sends them again gets the
/// same series.
extension SeriesArchive {
    /// - Parameter take: told of each sample and the name of its device, empty for none.
    package func forEachSample(
        _ take: (_ name: [UInt8], _ sample: Sample) -> Void
    ) throws(ArchiveError) {
        let names = try deviceNames()
        try asked { () throws(FileFault) in
            // The fleet's series has all samples in their order, and no names; the devices' chunks
            // have the names. Chunks are read as far as the fleet's have come.
            let fleet = try database.prepare(
                "SELECT crc, bytes FROM history WHERE series = 0 ORDER BY entry")
            let chunks = try database.prepare(
                "SELECT series, crc, bytes FROM history WHERE series > 0 AND life > 0 "
                    + "ORDER BY entry")
            var pending = PendingNames()
            var hasChunks = true
            while try fleet.next() {
                guard let bytes = checked(fleet, 0), let records = HistoryChunk.records(bytes),
                    let last = records.last?.entry
                else { continue }
                while hasChunks, pending.reach <= last {
                    hasChunks = try chunks.next()
                    guard hasChunks else { break }
                    guard let bytes = checked(chunks, 1), let found = HistoryChunk.records(bytes),
                        let name = names[chunks.integer(0)]
                    else { continue }
                    pending.add(found, of: name)
                }
                for record in records {
                    take(pending.takeName(of: record), record.sample)
                }
            }
            for (name, record) in replay.samples { take(name, record.sample) }
        }
    }

    private func deviceNames() throws(ArchiveError) -> [Int: [UInt8]] {
        var names: [Int: [UInt8]] = [:]
        for device in try devices() where device.series > 0 { names[device.series] = device.name }
        return names
    }

    /// Samples of one device, or of the fleet.
    /// - Parameters:
    ///   - device: nil for the fleet's.
    ///   - timeToLive: SERIES_TTL in milliseconds.
    package func forEachSample(
        of device: [UInt8]?, timeToLive: Int, _ take: (_ sample: Sample) -> Void
    ) throws(ArchiveError) {
        let series: Int
        if let device {
            guard let found = try devices().first(where: { $0.name == device }) else {
                throw ArchiveError(
                    "\(path): no device \(String(decoding: device, as: UTF8.self))")
            }
            series = found.series
        } else {
            series = HistoryTables.fleet
        }
        try read(series, name: device ?? [], timeToLive: timeToLive) { step in
            if case .sample(let record) = step { take(record.sample) }
        }
    }
}

/// Samples of devices, until the fleet's series has come there.
private struct PendingNames {
    /// What a sample of the fleet's series is found by. Of two devices whose next samples are equal
    /// it does not matter which comes first.
    private struct Place: Hashable {
        let entry: UInt64
        let timestamp: UInt64
        let rps: UInt64
        let cpu: UInt64

        init(_ record: HistoryRecord) {
            entry = record.entry
            timestamp = record.sample.timestamp.bitPattern
            rps = record.sample.rps.bitPattern
            cpu = record.sample.cpu.bitPattern
        }
    }

    /// Of each device what is next, and what follows in the same entry.
    private var next: [Place: [(name: [UInt8], rest: ArraySlice<HistoryRecord>)]] = [:]
    /// The first entry of the chunk that was added last: chunks come in this order.
    private(set) var reach: UInt64 = 0

    mutating func add(_ records: [HistoryRecord], of name: [UInt8]) {
        reach = records.first?.entry ?? reach
        var start = 0
        for index in records.indices
        where index + 1 == records.count || records[index + 1].entry != records[index].entry {
            add(records[start...index], of: name)
            start = index + 1
        }
    }

    private mutating func add(_ rest: ArraySlice<HistoryRecord>, of name: [UInt8]) {
        guard let first = rest.first else { return }
        next[Place(first), default: []].append((name, rest.dropFirst()))
    }

    /// The name of the device of a sample, once; empty when it belongs to none.
    mutating func takeName(of record: HistoryRecord) -> [UInt8] {
        let place = Place(record)
        guard var waiting = next.removeValue(forKey: place), let (name, rest) = waiting.popLast()
        else { return [] }
        if !waiting.isEmpty { next[place] = waiting }
        add(rest, of: name)
        return name
    }
}
