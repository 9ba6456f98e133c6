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

    func write(
        _ result: RunResult, json bytes: borrowing ByteBuffer, _ document: Document,
        _ report: String
    ) throws(RunError) {
        do throws(FileError) {
            if json == "-" {
                // One line among the others: what a cluster's log can carry out of a pod.
                StandardStreams.writeOutput(bytes.readable)
                StandardStreams.writeOutput("\n")
            } else if let json {
                try Files.write(json, bytes.readable)
            }
            if let markdown { try Files.write(markdown, report) }
            if let csv { try Files.write(csv, OutputFiles.csv(result.timeline)) }
            if let percentiles {
                var text = ByteBuffer(limit: OutputFiles.textLimit)
                result.recorder.latency.appendPercentiles(scale: 1e6, into: &text)
                try Files.write(percentiles, text.readable)
            }
            if let pictures {
                try Files.write(pictures + "-percentiles.svg", RunCharts.percentiles(document))
                try Files.write(pictures + "-timeline.svg", RunCharts.timeline(document))
            }
        } catch {
            throw RunError(error.description)
        }
    }

    /// The run over time; a row for each interval, its own start in seconds first.
    static func csv(_ timeline: Timeline) -> String {
        var text = "time_s,asked_rps,sent_rps,answered_rps,errors,p50_ms,p95_ms,p99_ms,max_ms\n"
        for row in timeline.rows where row.time >= 0 {
            let cells = [
                row.time, row.asked, row.sent, row.answered, Double(row.failed), row.p50, row.p95,
                row.p99, row.max,
            ]
            text += cells.map(\.shortText).joined(separator: ",") + "\n"
        }
        return text
    }
}
