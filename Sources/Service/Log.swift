internal import Bytes
internal import Wire
internal import System
internal import Synchronization

/// Lines about the process itself, on standard error: JSON or text. Never one per request.
///
/// Nobody waits for a reader of the lines: where standard error takes no more, a line is lost and
/// counted.
enum Log {
    /// A pipe takes so many bytes at once, or none.
    private static let lineLimit = 4096

    private static let lost = Atomic<Int>(0)
    /// Lines that nobody could be given so far.
    static var lostLines: Int { lost.load(ordering: .relaxed) }
    /// One line at a time: two could pass the look at the pipe together.
    private static let stream = Mutex(())

    private struct Settings {
        var level = Configuration.LogLevel.info
        var format = Configuration.LogFormat.json
    }

    private static let settings = Mutex(Settings())

    static func configure(_ configuration: Configuration) {
        settings.withLock {
            $0.level = configuration.logLevel
            $0.format = configuration.logFormat
        }
    }

    static func info(_ message: String) { write(.info, message) }
    static func warning(_ message: String) { write(.warning, message) }
    static func error(_ message: String) { write(.error, message) }

    private static func write(_ level: Configuration.LogLevel, _ message: String) {
        let settings = settings.withLock { $0 }
        guard level >= settings.level else { return }
        var line = line(level, message, as: settings.format)
        if line.count > lineLimit {
            let start = message.utf8.prefix(lineLimit / 8)
            line = Log.line(
                level, String(decoding: start, as: UTF8.self) + " …", as: settings.format)
        }
        let isTaken = stream.withLock { _ in StandardStreams.tryWriteError(line.readable) }
        if !isTaken { lost.add(1, ordering: .relaxed) }
    }

    private static func line(
        _ level: Configuration.LogLevel, _ message: String, as format: Configuration.LogFormat
    ) -> ByteBuffer {
        var line = ByteBuffer(limit: 1 << 20)
        let seconds = Double(Clock.unixNanoseconds() / 1_000_000) / 1000
        switch format {
        case .json:
            line.append("{\"time\":")
            line.append(number: seconds)
            line.append(text: ",\"level\":\"\(level.rawValue)\",\"message\":")
            line.append(jsonString: message)
            line.append("}\n")
        case .text:
            line.append(number: seconds)
            line.append(text: " \(level.rawValue.uppercased()) \(message)\n")
        }
        return line
    }
}
