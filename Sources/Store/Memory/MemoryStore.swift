package import Bytes
internal import Detection
internal import SeriesLog
package import System
package import Wire

/// Series in this process: what is asked is answered at once, and gone when the process ends.
package struct MemoryStore: Store, ~Copyable {
    /// Expired series are dropped in small portions, so that no request waits for it.
    private static let expiryInterval = TimeSpan.milliseconds(250)
    private static let expiryPortion = 256

    private let shared: SharedMemory
    private let log: MemoryLog
    private let dropsExpired: Bool
    private var now = Instant.zero
    private var unixMilliseconds = 0
    /// Of the samples that come now.
    private var arrival = SampleArrival.unknown
    private var nextExpiry = Instant.zero

    package init(_ shared: SharedMemory, _ seat: StoreSeat) {
        self.shared = shared
        log = shared.log
        dropsExpired = seat.loop == 0
    }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        self.unixMilliseconds = unixMilliseconds
        arrival = SampleArrival(
            entry: UInt64(max(1, unixMilliseconds)), milliseconds: unixMilliseconds)
    }

    // MARK: Requests

    package mutating func append(_ batch: inout SampleBatch) -> Storing {
        if batch.key != nil { markDuplicates(&batch) }
        let hasDuplicates = batch.duplicates > 0
        for index in 0..<batch.samples.count {
            if hasDuplicates, batch.isDuplicate(index) {
                batch.append(Verdict())
                continue
            }
            let verdict = append(batch.samples[index], of: batch)
            batch.append(verdict)
            if verdict.changesIncident {
                let decoded = batch.samples[index]
                tell(verdict, of: decoded.sample, device: Array(batch.name(decoded)))
            }
            if verdict.isFlagged { list(verdict, batch.samples[index], of: batch) }
        }
        return .stored
    }

    /// Remembers the request of a batch with a key. What was remembered of it before becomes
    /// duplicates.
    private func markDuplicates(_ batch: inout SampleBatch) {
        guard let key = batch.key else { return }
        let count = batch.samples.count
        let pieces = 0...RequestKey.piece(ofSample: count - 1)
        for piece in shared.remember(pieces, of: key, unixSeconds: unixMilliseconds / 1000) {
            for position in RequestKey.samples(ofPiece: piece, of: count) {
                batch.markDuplicate(position)
            }
        }
    }

    /// Appends a sample to the fleet's series and to its own. The verdict is its own series'.
    private func append(_ decoded: DecodedSample, of batch: borrowing SampleBatch) -> Verdict {
        guard decoded.nameLength > 0 else {
            return log.appendToFleet(decoded.sample, at: arrival)
        }
        if !decoded.isDeviceOnly {
            let verdict = log.appendToFleet(decoded.sample, at: arrival)
            if verdict.changesIncident { tell(verdict, of: decoded.sample, device: []) }
        }
        return log.append(
            decoded.sample, device: batch.name(decoded), now: now, at: arrival)
    }

    @inline(never)
    private func tell(_ verdict: Verdict, of sample: Sample, device: [UInt8]) {
        shared.incidents.take(
            IncidentEvent(
                device: device, sample: sample, verdict: verdict, arrival: unixMilliseconds))
    }

    private func list(
        _ verdict: Verdict, _ decoded: DecodedSample, of batch: borrowing SampleBatch
    ) {
        shared.anomalies.add(decoded.sample, verdict, device: batch.name(decoded))
    }

    package mutating func ask(_ call: Call) -> Asking {
        .answered(answer(call))
    }

    private func answer(_ call: Call) -> Answer {
        switch call {
        case .analysis(nil): return .analysis(log.fleetSummary())
        case .analysis(let device?):
            let summary = log.summary(device: device.span, now: now)
            return summary.map(Answer.analysis)
                ?? .problem(.unknownDevice(parameter: "device_id"))
        case .stats: return .stats(log.fleetSummary())
        case .devices(let after, let limit): return devices(after: after, limit: limit)
        case .anomalies(let filter): return .anomalies(shared.anomalies.newest(filter))
        case .series(let query): return samples(query)
        }
    }

    private func samples(_ query: SeriesQuery) -> Answer {
        guard let scan = log.scan(query, now: now) else {
            return .problem(.unknownDevice(parameter: "device_id"))
        }
        return scan.answer()
    }

    private func devices(after: [UInt8]?, limit: Int) -> Answer {
        let entries =
            if let after {
                log.devices(after: after.span, limit: limit, now: now)
            } else { log.devices(after: nil, limit: limit, now: now) }
        guard let entries else { return .problem(.unknownDevice(parameter: "after")) }
        let rows = entries.map { entry in
            DevicePage.Row(name: Array(entry.key.bytes), summary: entry.summary)
        }
        return .devices(DevicePage(rows: rows, total: log.deviceCount, limit: limit))
    }

    // MARK: Turns

    package mutating func lookAtWhatIsDue() {
        guard dropsExpired, nextExpiry <= now else { return }
        if shared.incidents.openCount > 0 {
            let (log, now, unixMilliseconds) = (log, now, unixMilliseconds)
            shared.incidents.endSilent(now: unixMilliseconds) { device in
                guard !device.isEmpty else { return log.fleetActivity }
                return log.idleTime(of: device, now: now).map {
                    unixMilliseconds - Int($0.milliseconds)
                }
            }
        }
        let dropped = log.dropExpired(now: now, limit: MemoryStore.expiryPortion)
        nextExpiry = dropped == MemoryStore.expiryPortion ? now : now + MemoryStore.expiryInterval
    }

    package mutating func nextLook() -> Instant {
        dropsExpired && log.deviceCount > 0 ? nextExpiry : .never
    }

    // Nothing waits here, and nothing is to be told.
    package var isGathering: Bool { false }
    package var isServingOthers: Bool { false }
    package mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? { nil }
    package mutating func handle(_ event: Event) {}
    package mutating func endTurn(_ poller: borrowing Poller) {}
    package mutating func startDraining() {}
    package mutating func takeNotices() -> [Notice] { [] }
}
