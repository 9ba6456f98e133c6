internal import Bytes
internal import Signals

/// The Numenta benchmark's labels: for each file the time windows in which something is wrong.
struct AnomalyWindows {
    private var windows: [String: [(start: Double, end: Double)]] = [:]

    /// Parses `{"folder/file.csv": [["2014-04-10 07:15:00.000000", "…"], …], …}`.
    static func parse(_ json: [UInt8]) throws(CommandError) -> AnomalyWindows {
        do {
            var found = AnomalyWindows()
            try found.read(json)
            return found
        } catch let error as JSONError {
            throw CommandError("windows: \(error.problem.description) at byte \(error.offset)")
        } catch {
            throw CommandError("windows: \(error)")
        }
    }

    private mutating func read(_ json: [UInt8]) throws {
        var cursor = JSONCursor(json.span)
        try cursor.expect(UInt8(ascii: "{"))
        repeat {
            _ = cursor.peek()
            let file = try cursor.string()
            let name = String(cursor.bytes.extracting(file.start..<file.end))
            try cursor.expect(UInt8(ascii: ":"))
            try cursor.expect(UInt8(ascii: "["))
            windows[name] = []
            if cursor.take(UInt8(ascii: "]")) { continue }
            repeat {
                try cursor.expect(UInt8(ascii: "["))
                let start = try Self.moment(&cursor)
                try cursor.expect(UInt8(ascii: ","))
                let end = try Self.moment(&cursor)
                try cursor.expect(UInt8(ascii: "]"))
                windows[name]?.append((start, end))
            } while cursor.take(UInt8(ascii: ","))
            try cursor.expect(UInt8(ascii: "]"))
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
    }

    @_lifetime(cursor: copy cursor)
    private static func moment(_ cursor: inout JSONCursor) throws -> Double {
        _ = cursor.peek()
        let text = try cursor.string()
        // Fractions of a second are always zero there.
        let end = min(text.end, text.start + 19)
        guard let time = parseTimestamp(cursor.bytes.extracting(text.start..<end)) else {
            throw CommandError("a window's end is no date-time at byte \(text.start)")
        }
        return time
    }

    /// Gives a series the windows of its file as events; a file without windows has none.
    func label(_ series: inout LabelledSeries) {
        guard let own = windows.first(where: { matches($0.key, series.name) })?.value else {
            return
        }
        series.events = own.compactMap { window in
            let first = series.samples.firstIndex { $0.timestamp >= window.start }
            let last = series.samples.lastIndex { $0.timestamp <= window.end }
            guard let first, let last, first <= last else { return nil }
            return AnomalyEvent(start: first, end: last + 1, kind: .labelled)
        }
    }

    private func matches(_ file: String, _ name: String) -> Bool {
        let path = "\(name).csv"
        return file == path || file.hasSuffix("/\(path)") || path.hasSuffix("/\(file)")
    }
}
