internal import Bytes
internal import System
internal import Signals

/// Series read from files: one CSV, or all below a folder.
enum DataFolder {
    private static let eventsSuffix = ".events.csv"

    /// Reads every series of a file or folder, sorted by path, with its events where a file beside
    /// it or a column in it names them. A series is called by its path below the folder.
    static func load(_ path: String) throws(CommandError) -> [LabelledSeries] {
        guard Files.isFolder(path) else { return [try read(path, name: baseName(path))] }
        let files: [String]
        do throws(FileError) { files = try Files.files(below: path) } catch {
            throw CommandError(error.description)
        }
        var series: [LabelledSeries] = []
        for file in files where file.hasSuffix(".csv") && !file.hasSuffix(eventsSuffix) {
            series.append(
                try read(file, name: String(file.dropFirst(path.count).drop { $0 == "/" })))
        }
        guard !series.isEmpty else { throw CommandError("\(path): no .csv file in it") }
        return series
    }

    private static func baseName(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }

    private static func read(_ path: String, name: String) throws(CommandError) -> LabelledSeries {
        do {
            let bytes = try Files.read(path)
            let short = name.hasSuffix(".csv") ? String(name.dropLast(4)) : name
            var series = try SeriesFile.parse(bytes.span, name: short)
            let eventsPath = String(path.dropLast(4)) + eventsSuffix
            if let events = try? Files.read(eventsPath) {
                series.events = try SeriesFile.parseEvents(events.span)
            }
            return series
        } catch {
            throw CommandError("\(path): \(error)")
        }
    }
}
