package import Bytes
package import Detection
internal import Options
internal import Synchronization
internal import System
package import Telemetry
package import Wire

/// What all loops of a process share of the store in a file.
package final class SharedFile: SharedLogs {
    let parameters: FoldParameters
    let log: LogFileSettings
    let metrics = FileMetrics()
    package let exchange: LoopExchange
    private let path: String
    private let lock: FileLock
    private let file: Mutex<UnsafeFile>

    /// The thread of the store alone uses the file, so nobody ever waits for the lock.
    private struct UnsafeFile: ~Copyable {
        var file: LogFile?
    }

    /// Why the store cannot be opened.
    package struct OpeningError: Error, CustomStringConvertible {
        package let description: String
    }

    /// Opens the file, and locks it.
    package init(
        path: String, _ configuration: Configuration, _ parameters: FoldParameters, loops: Int
    ) throws(OpeningError) {
        self.path = path
        self.parameters = parameters
        log = LogFileSettings(configuration)
        exchange = LoopExchange(loops: loops)
        let lockPath = path + ".lock"
        do throws(FileError) {
            guard let lock = try FileLock.take(lockPath) else {
                throw FileError(path: path, reason: SystemError("flock", 0))
            }
            self.lock = lock
        } catch {
            throw OpeningError(
                description: error.reason.code == 0
                    ? "\(path): another process has it (\(lockPath) is locked)"
                    : "\(error)")
        }
        do throws(FileFault) {
            let opened = try LogFile(path: path, waitsForDisk: configuration.sync == .full)
            file = Mutex(UnsafeFile(file: opened))
        } catch {
            throw OpeningError(description: "\(path): \(error.reason)")
        }
    }

    package var summary: String { "file at \(path)" }
    package var failure: StoreFailure? { exchange.failure }
    package var fleet: SeriesSummary { exchange.fleet }
    package var deviceCount: Int { exchange.deviceCount }
    package var oldestKeyTime: Int? {
        let time = metrics.value(.oldestKey)
        return time == 0 ? nil : time
    }

    /// Does what a flight asks for; on the store's own thread.
    func execute(_ flight: FileFlight) -> FileLanding {
        let start = Clock.now()
        let landing = file.withLock { opened in
            opened.file?.execute(flight)
                ?? FileLanding(fault: FileFault(kind: .other, reason: "closed"))
        }
        if flight.writes { metrics.durations.record(Clock.now() - start) }
        return landing
    }

    func closeFile() { file.withLock { $0.file = nil } }

    package func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        metrics.write(&writer, into: &output)
    }
}

/// How the log in a file is kept.
struct LogFileSettings: Sendable {
    var timeToLive = TimeSpan.seconds(86_400)
    var deviceLimit = 1_000_000
    var keyLimit = 1_000_000

    /// A request waits so long for the disk, then it is answered 503.
    static let timeout = TimeSpan.seconds(5)
    /// Samples that are not stored yet, some 14 MB of them: room for the largest batch twice.
    static let queueLimit = 262_144

    init(_ configuration: Configuration) {
        timeToLive = configuration.seriesTimeToLive
        deviceLimit = configuration.deviceLimit
        keyLimit = configuration.keyLimit
    }
}
