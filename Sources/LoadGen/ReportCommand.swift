internal import System
internal import Options
internal import Report

/// `loadgen report`: the write-up, from the results' JSON and the thresholds alone.
struct ReportCommand {
    private static let pictureFolder = "pictures"

    private let reports: NamedReports
    private let thresholds: String
    private let description: String?
    private let page: String

    init(_ options: inout Options) throws(OptionError) {
        reports = try NamedReports(options.operands[...])
        thresholds = try options.required("--thresholds", "the file of thresholds")
        description = options.text("--describe")
        page = try options.required("--out", "the page, such as reports/report.md")
    }

    func run() throws(RunError) -> Int32 {
        var text = ""
        if let description { text = String(decoding: try readFile(description), as: UTF8.self) }
        let report = ReportPage(
            try reports.read(), try readThresholds(thresholds), description: text, base: base,
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

    /// From the page's folder to the description's; both are seen from here.
    private var base: String {
        guard let description, !description.hasPrefix("/"), !page.hasPrefix("/") else { return "" }
        let depth = page.split(separator: "/").count - 1
        return String(repeating: "../", count: depth) + ReportCommand.folder(of: description)
    }
}
