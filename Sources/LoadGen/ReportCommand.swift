internal import System
internal import Options
internal import Report

/// `loadgen report`: the write-up, from the results' JSON and the thresholds alone.
struct ReportCommand {
    private static let pictureFolder = "pictures"

    private let results: NamedResults
    private let thresholds: String
    private let about: String?
    private let page: String

    init(_ options: inout Options) throws(OptionError) {
        results = try NamedResults(options.operands[...])
        thresholds = try options.required("--thresholds", "the file of thresholds")
        about = options.text("--about")
        page = try options.required("--out", "the page, such as reports/report.md")
    }

    func run() throws(RunError) -> Int32 {
        var text = ""
        if let about { text = String(decoding: try readFile(about), as: UTF8.self) }
        let report = ReportPage(
            try results.read(), thresholds: try readThresholds(thresholds), about: text,
            folder: ReportCommand.pictureFolder)
        let folder = ReportCommand.folder(of: page)
        do throws(FileError) {
            try Files.makeFolder(folder + ReportCommand.pictureFolder)
            for picture in report.pictures { try Files.write(folder + picture.path, picture.svg) }
            try Files.write(page, report.markdown)
        } catch {
            throw RunError(error.description)
        }
        return 0
    }

    /// A path's folder with its slash; empty for a bare name.
    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[...slash])
    }
}
