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
    /// Start of the pictures' paths.
    private let pictures: String?

    init(_ options: inout Options) {
        json = options.text("--json")
        markdown = options.text("--markdown")
        csv = options.text("--csv")
        percentiles = options.text("--hgrm")
        pictures = options.text("--svg")
    }

    func write(_ result: RunResult, _ latency: Histogram, report: String) throws(RunError) {
        let line = result.json.line
        do throws(FileError) {
            if json == "-" {
                StandardStreams.writeOutput(line.readable)
            } else if let json {
                try Files.write(json, line.readable)
            }
            if let markdown { try Files.write(markdown, report) }
            if let csv { try Files.write(csv, OutputFiles.csv(result.timeline)) }
            if let percentiles {
                var text = ByteBuffer(limit: OutputFiles.textLimit)
                latency.appendPercentiles(scale: 1e6, into: &text)
                try Files.write(percentiles, text.readable)
            }
            if let pictures { try writePictures(of: result, prefix: pictures) }
        } catch {
            throw RunError(error.description)
        }
    }

    /// The run over time; a row for each interval, its own start in seconds first. What was not
    /// measured in an interval is an empty cell.
    static func csv(_ timeline: RunTimeline) -> String {
        var text = "time_s,asked_rps,sent_rps,answered_rps,errors,p50_ms,p95_ms,p99_ms,max_ms\n"
        let columns = [
            timeline.time, timeline.asked, timeline.sent, timeline.answered, timeline.errors,
            timeline.p50, timeline.p95, timeline.p99, timeline.max,
        ]
        for row in timeline.time.values.indices {
            let cells = columns.map { $0.values[row].isFinite ? $0.values[row].shortText : "" }
            text += cells.joined(separator: ",") + "\n"
        }
        return text
    }
}

/// Writes both pictures of a run.
func writePictures(of result: RunResult, prefix: String) throws(FileError) {
    try Files.write(prefix + "-percentiles.svg", RunCharts.percentiles(result))
    try Files.write(prefix + "-timeline.svg", RunCharts.timeline(result))
}
