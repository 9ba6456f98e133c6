internal import Bytes
internal import System
internal import Options
internal import Report
internal import Telemetry

/// Where a run's result is written, in which forms.
struct OutputFiles {
    private static let textLimit = 64 * 1024 * 1024

    private let json: String?
    private let markdown: String?
    private let csv: String?
    private let percentiles: String?
    private let junit: String?
    private let prometheus: String?
    /// Start of the pictures' paths.
    private let pictures: String?

    /// Reads the flags, and checks that every file can be written: a run may take hours.
    init(_ options: inout Options, repeats: Int) throws(OptionError) {
        json = options.text("--json")
        markdown = try options.outputPath("--markdown")
        csv = try options.outputPath("--csv")
        percentiles = try options.outputPath("--hgrm")
        junit = try options.outputPath("--junit")
        prometheus = try options.outputPath("--prometheus")
        pictures = options.text("--svg")
        if let json, json != "-" { try checkOutput(json, flag: "--json") }
        if let pictures { try checkOutput(pictures + "-timeline.svg", flag: "--svg") }
        let single = [
            ("--markdown", markdown), ("--csv", csv), ("--hgrm", percentiles), ("--junit", junit),
            ("--prometheus", prometheus), ("--svg", pictures),
        ]
        if repeats > 1, let (flag, _) = single.first(where: { $0.1 != nil }) {
            throw OptionError("\(flag): shows one run; with --repeat only --json is written")
        }
    }

    /// Whether standard output carries the JSON.
    var jsonIsOutput: Bool { json == "-" }

    func write(_ result: RunResult) throws(RunError) {
        try write(result.json)
        do throws(FileError) {
            if let markdown { try Files.write(markdown, report(result)) }
            if let csv { try Files.write(csv, OutputFiles.csv(result.timeline)) }
            if let percentiles, let latency = result.histograms?.latency {
                var text = ByteBuffer(limit: OutputFiles.textLimit)
                latency.appendPercentiles(scale: 1e6, into: &text)
                try Files.write(percentiles, text.readable)
            }
            if let junit { try Files.write(junit, OutputFiles.junit(result)) }
            if let prometheus {
                try Files.write(prometheus, PrometheusText(result).output.readable)
            }
            if let pictures { try writePictures(of: result, prefix: pictures) }
        } catch {
            throw RunError(error.description)
        }
    }

    func write(_ set: RunSet) throws(RunError) { try write(set.json) }

    private func write(_ node: JSONNode) throws(RunError) {
        let line = node.line
        if json == "-" { return StandardStreams.writeOutput(line.readable) }
        guard let json else { return }
        do throws(FileError) { try Files.write(json, line.readable) } catch {
            throw RunError(error.description)
        }
    }

    private func report(_ result: RunResult) -> String {
        RunPage(result, pictures: pictures.map { link(to: $0, from: markdown ?? "") }).markdown
    }

    private static func junit(_ result: RunResult) -> String {
        JUnitText(
            suite: "loadgen \(result.name ?? result.plan.load)",
            report: result.slo ?? ThresholdReport(), doubts: result.doubts, seconds: result.seconds
        ).text
    }

    /// The run over time; a row for each interval, its own start in seconds first. What was not
    /// measured in an interval is an empty cell.
    static func csv(_ timeline: RunTimeline) -> String {
        var text =
            "time_s,asked_rps,sent_rps,answered_rps,errors,p50_ms,p95_ms,p99_ms,max_ms,"
            + "retries\n"
        let columns = [
            timeline.time, timeline.asked, timeline.sent, timeline.answered, timeline.errors,
            timeline.p50, timeline.p95, timeline.p99, timeline.max, timeline.retries,
        ]
        for row in timeline.time.values.indices {
            // Results of earlier versions have no retries.
            let cells = columns.map {
                row < $0.values.count && $0.values[row].isFinite ? $0.values[row].shortText : ""
            }
            text += cells.joined(separator: ",") + "\n"
        }
        return text
    }
}

/// A path as a page sees it that lies in the same folder or above it.
func link(to path: String, from page: String) -> String {
    let folder = page.lastIndex(of: "/").map { page[...$0] } ?? ""
    return path.hasPrefix(folder) ? String(path.dropFirst(folder.count)) : path
}

/// Writes both pictures of a run.
func writePictures(of result: RunResult, prefix: String) throws(FileError) {
    try Files.write(prefix + "-percentiles.svg", RunCharts.percentiles(result))
    try Files.write(prefix + "-timeline.svg", RunCharts.timeline(result))
}

extension Options {
    /// A file that will be written; checked at once.
    mutating func outputPath(_ flag: String) throws(OptionError) -> String? {
        guard let path = text(flag) else { return nil }
        try checkOutput(path, flag: flag)
        return path
    }
}

func checkOutput(_ path: String, flag: String) throws(OptionError) {
    do throws(FileError) { try Files.checkWritable(path) } catch {
        throw OptionError("\(flag): \(error.description)")
    }
}
