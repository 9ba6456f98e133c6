internal import Bytes
internal import EventLoop
internal import Options
internal import Report

/// Where a run's result is written, in which forms.
struct OutputFiles {
    private let json: String?
    private let markdown: String?

    init(_ options: inout Options) {
        json = options.text("--json")
        markdown = options.text("--markdown")
    }

    func write(_ result: RunResult, _ document: Document, _ report: String) throws(RunError) {
        do throws(FileError) {
            if let markdown { try Files.write(markdown, report) }
            if let json { try Files.write(json, result.json(Environment()).readable) }
        } catch {
            throw RunError(error.description)
        }
    }
}
