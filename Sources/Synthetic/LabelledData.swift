internal import System
internal import Scoring
internal import Signals

/// Series with their labels, and the verdicts that somebody gave on them.
enum LabelledData {
    /// - Parameter windows: the Numenta benchmark's file of windows, where it holds the labels.
    static func load(_ path: String, windows: String?) throws(CommandError) -> [LabelledSeries] {
        var series = try DataFolder.load(path)
        if let windows {
            let found = try AnomalyWindows.parse(try contents(windows))
            for index in series.indices { found.label(&series[index]) }
        }
        return series
    }

    static func verdicts(_ path: String) throws(CommandError) -> [String: [Judgment]] {
        try VerdictFile.parse(try contents(path))
    }

    /// The verdicts on one series, one per sample.
    static func judgments(of series: LabelledSeries, in verdicts: [String: [Judgment]])
        throws(CommandError) -> [Judgment]
    {
        let found = verdicts[series.name] ?? []
        guard found.count == series.samples.count else {
            throw CommandError(
                "\(series.name): \(found.count) verdicts on \(series.samples.count) samples")
        }
        return found
    }

    private static func contents(_ path: String) throws(CommandError) -> [UInt8] {
        do throws(FileError) { return try Files.read(path) } catch {
            throw CommandError(error.description)
        }
    }
}
