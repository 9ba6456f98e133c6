internal import Bytes
package import Detection
internal import SeriesLog
internal import System
package import Wire

/// Puts samples into a file as the service would, without one.
package final class SeriesImport {
    private let shared: SharedFile
    private var store: FileStore
    private let poller: Poller
    private let wakeUp: WakeUp
    private var batch = SampleBatch()
    private let path: String
    /// Longer than a request may wait for the disk.
    private static let patience = TimeSpan.seconds(30)

    /// Opens the file, or makes it; no service may have it.
    package init(
        path: String, _ configuration: Configuration, _ parameters: FoldParameters
    ) throws(ArchiveError) {
        self.path = path
        do throws(SharedFile.OpeningError) {
            shared = try SharedFile(path: path, configuration, parameters, loops: 1)
        } catch {
            throw ArchiveError(error.description)
        }
        do throws(SystemError) {
            let descriptor = try WakeUp.open()
            wakeUp = WakeUp(owning: descriptor)
            poller = try Poller()
            store = FileStore(shared, StoreSeat(loop: 0, wakeUp: descriptor, tokenKind: 0))
        } catch {
            throw ArchiveError("\(path): \(error)")
        }
        tellTime()
        try wait { self.shared.failure == nil }
    }

    /// Stores a body of samples, as of a POST.
    /// - Returns: how many were stored, and how many were bad.
    package func append(
        _ body: Span<UInt8>, now: Double
    ) throws(ArchiveError) -> (stored: Int, bad: Int) {
        do throws(SampleError) {
            try batch.decode(body, now: now)
        } catch {
            throw ArchiveError(error.detail)
        }
        let bad = batch.rejected
        guard !batch.samples.isEmpty else { return (0, bad) }
        let count = batch.samples.count
        tellTime()
        switch store.append(&batch) {
        case .stored: break
        case .failed(let failure): throw ArchiveError("\(path): \(failure.detail)")
        case .waiting:
            var outcome: Outcome?
            try wait {
                if let finished = self.store.nextFinished(&self.batch) {
                    outcome = finished.outcome
                }
                return outcome != nil
            }
            switch outcome {
            case .stored: break
            case .failed(let failure), .storedPartly(let failure, _):
                throw ArchiveError("\(path): \(failure.detail)")
            case .answered, nil: break
            }
        }
        return (count, bad)
    }

    private func tellTime() {
        store.tellTime(
            Clock.now(), unixMilliseconds: Int(Clock.unixNanoseconds() / 1_000_000))
    }

    /// Turns the loop until something is so.
    private func wait(_ isSo: () -> Bool) throws(ArchiveError) {
        let limit = Clock.now() + SeriesImport.patience
        while !isSo() {
            guard Clock.now() < limit else { throw ArchiveError("\(path): the disk is too slow") }
            tellTime()
            store.lookAtWhatIsDue()
            store.endTurn(poller)
            // Well below what a transaction takes.
            if !isSo() { Clock.sleep(.microseconds(50)) }
        }
    }
}
