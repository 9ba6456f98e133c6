internal import Bytes
internal import Wire
internal import System
internal import Synchronization

/// Lines about the process itself, on standard error: JSON or text. Never one per request.
enum Log {
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
        var line = ByteBuffer(limit: 16 * 1024)
        let seconds = Double(Clock.unixNanoseconds() / 1_000_000) / 1000
        switch settings.format {
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
        StandardStreams.writeError(line.readable)
    }
}
