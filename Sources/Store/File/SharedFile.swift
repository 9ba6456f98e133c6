package import Bytes
package import Detection
internal import Options
internal import System
package import Telemetry
package import Wire

/// What all loops of a process share of the store in a file.
package final class SharedFile: SharedLogs {
    let log: LogFileSettings
    let metrics = FileMetrics()
    package let exchange: LoopExchange
    let writer: FileWriter
    package let reader: HistoryReader<HistoryQuestion>
    private let path: String
    private let lock: FileLock

    /// Why the store cannot be opened.
    package struct OpeningError: Error, CustomStringConvertible {
        package let description: String
    }

    /// Opens the file, locks it, and starts the threads that have it.
    package convenience init(
        path: String, _ configuration: Configuration, _ parameters: FoldParameters, loops: Int
    ) throws(OpeningError) {
        try self.init(
            path: path, LogFileSettings(configuration, parameters),
            waitsForDisk: configuration.sync == .full, loops: loops)
    }

    init(
        path: String, _ settings: LogFileSettings, waitsForDisk: Bool, loops: Int
    ) throws(OpeningError) {
        self.path = path
        log = settings
        exchange = LoopExchange(loops: loops, timeToLive: settings.timeToLive)
        lock = try SharedFile.lock(path)
        writer = try SharedFile.writer(
            path, waitsForDisk: waitsForDisk, log, metrics: metrics)
        let metrics = metrics
        do throws(SystemError) {
            reader = try HistoryReader(
                log.parameters, timeToLive: Int(log.timeToLive.milliseconds)
            ) { FileArchive(path: path, settings, metrics) }
        } catch {
            throw OpeningError(description: "\(path): \(error)")
        }
    }

    private static func lock(_ path: String) throws(OpeningError) -> FileLock {
        let lockPath = path + ".lock"
        do throws(FileError) {
            if let lock = try FileLock.take(lockPath) { return lock }
        } catch {
            throw OpeningError(description: error.description)
        }
        throw OpeningError(
            description: "\(path): another process has it (\(lockPath) is locked)")
    }

    private static func writer(
        _ path: String, waitsForDisk: Bool, _ settings: LogFileSettings, metrics: FileMetrics
    ) throws(OpeningError) -> FileWriter {
        let file: LogFile
        do throws(FileFault) {
            file = try LogFile(path: path, waitsForDisk: waitsForDisk, settings)
        } catch {
            let advice =
                error.kind == .damaged
                ? "; tidemark log recover \(path) COPY saves what can be read" : ""
            throw OpeningError(description: "\(path): \(error.reason)\(advice)")
        }
        do throws(SystemError) {
            return try FileWriter(file, metrics)
        } catch {
            throw OpeningError(description: "\(path): \(error)")
        }
    }

    package var summary: String { "file at \(path)" }
    package var oldestKeyTime: Int? {
        let time = metrics.value(.oldestKey)
        return time == 0 ? nil : time
    }

    package func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        metrics.write(&writer, into: &output)
    }
}

/// How the log in a file is kept.
struct LogFileSettings: Sendable {
    var timeToLive = TimeSpan.seconds(86_400)
    var deviceLimit = 1_000_000
    var keyLimit = 1_000_000
    /// How long samples are kept that have left the log; nil when they are not.
    var retention: TimeSpan? = .seconds(30 * 86_400)
    /// Bytes from which the oldest of them go before that time; nil for none.
    var byteLimit: Int?
    var parameters = FoldParameters()

    /// Bytes of entries that stay in the log: at a start they are read.
    var logBytes: ClosedRange<Int> = 8 << 20...64 << 20

    var keepsHistory: Bool { retention != nil }

    /// A request waits so long for the disk, then it is answered 503.
    static let timeout = TimeSpan.seconds(5)
    /// Samples that are not stored yet, some 14 MB of them: room for the largest batch twice.
    static let queueLimit = 262_144

    init() {}

    init(_ configuration: Configuration, _ parameters: FoldParameters) {
        self.parameters = parameters
        timeToLive = configuration.seriesTimeToLive
        deviceLimit = configuration.deviceLimit
        keyLimit = configuration.keyLimit
        retention = configuration.retention == .seconds(0) ? nil : configuration.retention
        byteLimit = configuration.fileByteLimit
    }
}
