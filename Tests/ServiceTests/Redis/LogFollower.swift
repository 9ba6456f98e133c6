import Detection
import Foundation
import Redis
import TestSupport

/// Reads the log while it is written, so that what is trimmed later has been seen.
final class LogFollower: @unchecked Sendable {
    private static let key = "tm:{0}"
    private let port: UInt16
    private let lock = NSLock()
    private let truth = LogTruth()
    /// Entries that were read and not yet folded: reading must keep up with writing.
    private var entries: [Reply] = []
    private var isStopped = false
    private var failure: String?
    private let group = DispatchGroup()

    init(port: UInt16) throws {
        self.port = port
        group.enter()
        Thread.detachNewThread { [self] in
            do { try follow() } catch { lock.withLock { failure = "\(error)" } }
            group.leave()
        }
    }

    deinit { lock.withLock { isStopped = true } }

    private func follow() throws {
        let client = try RedisClient(port: port)
        var last = "0-0"
        while !lock.withLock({ isStopped }) {
            let reply = try client.command([
                "XREAD", "BLOCK", "50", "STREAMS", LogFollower.key, last,
            ])
            guard case .array(let streams) = reply else { continue }
            for case .array(let parts) in streams {
                guard case .array(let elements) = parts[1] else { continue }
                if case .array(let entry) = elements.last, case .text(let id) = entry[0] {
                    last = String(decoding: id, as: UTF8.self)
                }
                lock.withLock { entries += elements }
            }
        }
    }

    /// What is wrong with what clients were told, by all that was ever in the log.
    func faults(of told: Told) throws -> [String] {
        usleep(300_000)
        return try lock.withLock {
            if let failure { throw Failure(failure) }
            for entry in entries { try truth.take(entry, of: LogFollower.key) }
            entries.removeAll()
            return truth.faults(of: told)
        }
    }
}
