internal import Bytes
package import Detection
internal import SeriesLog

/// Samples of a file in the order in which they came, so that whoever sends them again gets the
/// same series.
extension SeriesArchive {
    /// - Parameter take: told of each sample, the name of its device (empty for none), and whether
    ///   it is that device's alone.
    package func forEachSample(
        _ take: (_ name: [UInt8], _ sample: Sample, _ isDeviceOnly: Bool) -> Void
    ) throws(ArchiveError) {
        let names = try deviceNames()
        try asked { () throws(FileFault) in
            // The fleet's series has its samples in their order, and no names; the devices' chunks
            // have the names, and the samples that the fleet does not have. Chunks are read as far
            // as the fleet's have come.
            let fleet = try database.prepare(
                "SELECT crc, bytes FROM history WHERE series = 0 ORDER BY entry")
            let chunks = try database.prepare(
                "SELECT series, crc, bytes FROM history WHERE series > 0 AND life > 0 "
                    + "ORDER BY entry")
            var pending = PendingNames()
            var hasChunks = true
            func readChunk() throws(FileFault) {
                hasChunks = try chunks.next()
                guard hasChunks, let bytes = checked(chunks, 1),
                    let found = HistoryChunk.records(bytes), let name = names[chunks.integer(0)]
                else { return }
                pending.add(found, of: name)
            }
            func takeDeviceOnly(through entry: UInt64) {
                for (name, record) in pending.takeDeviceOnly(through: entry) {
                    take(name, record.sample, true)
                }
            }
            while try fleet.next() {
                guard let bytes = checked(fleet, 0), let records = HistoryChunk.records(bytes),
                    let last = records.last?.entry
                else { continue }
                while hasChunks, pending.reach <= last { try readChunk() }
                for record in records {
                    takeDeviceOnly(through: record.entry)
                    take(pending.takeName(of: record), record.sample, false)
                }
            }
            while hasChunks {
                try readChunk()
                if pending.reach > 0 { takeDeviceOnly(through: pending.reach - 1) }
            }
            takeDeviceOnly(through: .max)
            for sample in replay.samples {
                take(sample.name, sample.record.sample, sample.record.isDeviceOnly)
            }
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
        of device: [UInt8]?, timeToLive: Int,
        _ take: (_ sample: Sample, _ isDeviceOnly: Bool) -> Void
    ) throws(ArchiveError) {
        let series: Int
        if let device {
            guard let found = try devices().first(where: { $0.name == device }) else {
                throw ArchiveError(
                    "\(name): no device \(String(decoding: device, as: UTF8.self))")
            }
            series = found.series
        } else {
            series = HistoryTables.fleet
        }
        try read(series, name: device ?? [], timeToLive: timeToLive) { step in
            if case .sample(let record) = step { take(record.sample, record.isDeviceOnly) }
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

    /// What follows of a device in one entry.
    private typealias Rest = (name: [UInt8], records: ArraySlice<HistoryRecord>)

    /// Those whose next sample is the fleet's too.
    private var next: [Place: [Rest]] = [:]
    /// Those whose next sample is the device's alone, the last entry first.
    private var deviceOnly: [Rest] = []
    private var isSorted = true
    /// The first entry of the chunk that was added last: chunks come in this order.
    private(set) var reach: UInt64 = 0

    mutating func add(_ records: [HistoryRecord], of name: [UInt8]) {
        reach = records.first?.entry ?? reach
        var start = 0
        for index in records.indices
        where index + 1 == records.count || records[index + 1].entry != records[index].entry {
            add((name, records[start...index]))
            start = index + 1
        }
    }

    private mutating func add(_ rest: Rest) {
        guard let first = rest.records.first else { return }
        if first.isDeviceOnly {
            deviceOnly.append(rest)
            isSorted = false
        } else {
            next[Place(first), default: []].append(rest)
        }
    }

    /// Samples that the fleet's series does not have, up to an entry: those of a device in their
    /// order, and before what the fleet has next of that device.
    mutating func takeDeviceOnly(
        through entry: UInt64
    ) -> [(name: [UInt8], record: HistoryRecord)] {
        guard !deviceOnly.isEmpty else { return [] }
        if !isSorted {
            deviceOnly.sort { ($0.records.first?.entry ?? 0) > ($1.records.first?.entry ?? 0) }
            isSorted = true
        }
        var taken: [(name: [UInt8], record: HistoryRecord)] = []
        while let rest = deviceOnly.last, let first = rest.records.first, first.entry <= entry {
            deviceOnly.removeLast()
            let own = rest.records.prefix { $0.isDeviceOnly }
            for record in own { taken.append((rest.name, record)) }
            add((rest.name, rest.records.dropFirst(own.count)))
        }
        return taken
    }

    /// The name of the device of a sample, once; empty when it belongs to none.
    mutating func takeName(of record: HistoryRecord) -> [UInt8] {
        let place = Place(record)
        guard var waiting = next.removeValue(forKey: place), let found = waiting.popLast()
        else { return [] }
        if !waiting.isEmpty { next[place] = waiting }
        add((found.name, found.records.dropFirst()))
        return found.name
    }
}
