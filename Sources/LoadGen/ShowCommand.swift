internal import Bytes
internal import System
internal import Options
internal import Report

/// `loadgen show`: the report of a run that happened elsewhere, from its JSON alone.
struct ShowCommand {
    private let path: String
    private let json: String?
    private let markdown: String?
    private let pictures: String?
    private let replicas: String?

    init(_ options: inout Options) throws(OptionError) {
        guard options.operands.count == 1 else {
            throw OptionError("show: expected the RUN.json of one run")
        }
        path = options.operands[0]
        json = options.text("--json")
        markdown = options.text("--markdown")
        pictures = options.text("--svg")
        replicas = options.text("--replicas")
    }

    func run() throws(RunError) -> Int32 {
        let file = try readResult(path)
        guard case .run(var result) = file else {
            throw RunError("\(path): is not the result of a run, but \(file.content)")
        }
        if let replicas {
            result.replicas =
                try readReplicas(replicas, start: result.startedAt) ?? result.replicas
        }
        let console = Console()
        console.write(RunSummary(result, palette: console.palette).text)
        let report = RunPage(
            result, pictures: pictures.map { link(to: $0, from: markdown ?? "") }
        ).markdown
        do throws(FileError) {
            if let json { try Files.write(json, result.json.line.readable) }
            if let markdown { try Files.write(markdown, report) }
            if let pictures { try writePictures(of: result, prefix: pictures) }
        } catch {
            throw RunError(error.description)
        }
        return 0
    }
}
