internal import System
internal import Options
internal import Report

/// `loadgen show`: the report of a run that happened elsewhere, from its JSON alone.
struct ShowCommand {
    private let result: String
    private let markdown: String?
    private let pictures: String?

    init(_ options: inout Options) throws(OptionError) {
        guard options.operands.count == 1 else {
            throw OptionError("show: expected the RUN.json of one run")
        }
        result = options.operands[0]
        markdown = options.text("--markdown")
        pictures = options.text("--svg")
    }

    func run() throws(RunError) -> Int32 {
        let document = try readDocument(result)
        guard document["latency_ms.p95"] != nil else {
            throw RunError("\(result): is not the result of a run")
        }
        let report = "## Load\n\n\(RunText(document).markdown)"
        StandardStreams.writeOutput(report)
        do throws(FileError) {
            if let markdown { try Files.write(markdown, report) }
            if let pictures {
                try Files.write(pictures + "-percentiles.svg", RunCharts.percentiles(document))
                try Files.write(pictures + "-timeline.svg", RunCharts.timeline(document))
            }
        } catch {
            throw RunError(error.description)
        }
        return 0
    }
}
