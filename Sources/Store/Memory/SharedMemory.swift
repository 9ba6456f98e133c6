package import Bytes
package import Detection
internal import SeriesLog
internal import Synchronization
package import Telemetry
package import Wire

/// The series of this process, for all its loops.
package final class SharedMemory: SharedStore {
    let log: MemoryLog
    let anomalies = RecentAnomalies()
    package let incidents: IncidentBook
    /// Requests with a key. Only these take the lock.
    private let keys: Mutex<KeyMemory>

    /// - Parameter hashSeed: should be unpredictable to clients.
    package init(_ configuration: Configuration, _ parameters: FoldParameters, hashSeed: UInt64) {
        log = MemoryLog(
            parameters, deviceLimit: configuration.deviceLimit,
            timeToLive: configuration.seriesTimeToLive,
            historyLimit: configuration.historySamples, seed: hashSeed)
        incidents = IncidentBook(
            keepsChanges: false, timeToLive: configuration.seriesTimeToLive)
        keys = Mutex(KeyMemory(limit: configuration.keyLimit, seed: hashSeed))
    }

    /// Remembers the pieces of a request.
    /// - Returns: those that were remembered already.
    func remember(
        _ pieces: ClosedRange<Int>, of key: RequestKey, unixSeconds: Int
    ) -> [Int] {
        keys.withLock { keys in
            pieces.filter { !keys.insert(key.piece($0), time: unixSeconds) }
        }
    }

    package let summary = "memory"
    package var failure: StoreFailure? { nil }
    package var fleet: SeriesSummary { log.fleetSummary() }
    package var deviceCount: Int { log.deviceCount }
    package var oldestKeyTime: Int? { keys.withLock { $0.oldestTime } }

    package func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        writer.writeSeriesDropped(evicted: log.evicted, expired: log.expired, into: &output)
    }
}

extension ExpositionWriter {
    /// Series that a process dropped by itself.
    mutating func writeSeriesDropped(
        evicted: Int, expired: Int, into output: inout ByteBuffer
    ) {
        single(
            "devices_evicted_total", .counter,
            help: "Series dropped because MAX_DEVICES was reached.", value: Double(evicted),
            into: &output)
        single(
            "devices_expired_total", .counter,
            help: "Series dropped after SERIES_TTL without a sample.", value: Double(expired),
            into: &output)
    }
}
