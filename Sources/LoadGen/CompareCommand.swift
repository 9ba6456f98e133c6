internal import System
internal import Options
internal import Report

/// `loadgen compare`: two groups of results, and what got better or worse.
struct CompareCommand {
    private let before: String
    private let after: String
    private let margin: Double
    private let isForced: Bool
    private let markdown: String?

    /// Operands: both sides, each a result, several joined by commas, or a folder of them.
    init(_ options: inout Options) throws(OptionError) {
        guard options.operands.count == 2 else {
            throw OptionError(
                "compare: expected BEFORE AFTER, each a result, several joined by commas, or a "
                    + "folder of results")
        }
        before = options.operands[0]
        after = options.operands[1]
        margin =
            try options.decimal("--margin", in: 0...10) ?? Comparison.standardMargin
        isForced = options.isSet("--force")
        markdown = try options.outputPath("--markdown")
    }

    /// - Returns: 99 when something got worse; 1 when the sides can't be compared.
    func run() throws(RunError) -> Int32 {
        let (left, right) = (try Side(before), try Side(after))
        let objections = left.objections(to: right)
        guard objections.isEmpty || isForced else {
            throw RunError(
                "compare: refused (--force compares all the same):\n  "
                    + objections.joined(separator: "\n  "))
        }
        let comparison = Comparison(
            before: left.measurements, after: right.measurements, margin: margin,
            isPaired: left.alternates(with: right))
        guard !comparison.rows.isEmpty else {
            throw RunError("\(before) and \(after): have no measure in common")
        }
        let console = Console()
        console.writeLines(comparison.lines(console.palette))
        console.write(comparison.method + "\n")
        if let markdown {
            let text = "# Comparison\n\n\(comparison.table.text)\n\(comparison.method)\n"
            do throws(FileError) { try Files.write(markdown, text) } catch {
                throw RunError(error.description)
            }
        }
        return comparison.worse.isEmpty ? 0 : 99
    }
}

/// One side of a comparison: its results, one after the other.
private struct Side {
    private let name: String
    private let runs: [RunResult]
    let measurements: [Measurements]

    init(_ operand: String) throws(RunError) {
        name = operand
        var runs: [RunResult] = []
        var measurements: [Measurements] = []
        for path in try Side.paths(operand) {
            let file = try readResult(path)
            runs += file.runs
            switch file {
            case .runs(let set): measurements += set.runs.map { Measurements($0.json) }
            case .run, .search: measurements.append(file.measurements)
            case .score, .accuracy, .numbers:
                throw RunError("\(path): is no result of run or find-max, but \(file.content)")
            }
        }
        self.runs = runs
        self.measurements = measurements
    }

    private static func paths(_ operand: String) throws(RunError) -> [String] {
        guard Files.isFolder(operand) else {
            return operand.split(separator: ",").map(String.init)
        }
        let files: [String]
        do throws(FileError) { files = try Files.files(below: operand) } catch {
            throw RunError(error.description)
        }
        let results = files.filter { $0.hasSuffix(".json") }
        guard !results.isEmpty else { throw RunError("\(operand): no .json file in it") }
        return results
    }

    /// Why the two should not be compared.
    func objections(to other: Side) -> [String] {
        var objections = (doubts + other.doubts)
        let all = runs + other.runs
        guard let first = all.first else { return objections }
        let fields = Set(all.flatMap { $0.plan.differences(from: first.plan) })
        if !fields.isEmpty {
            objections.append(
                "the runs differ in their plan: \(fields.sorted().joined(separator: ", "))")
        }
        if all.contains(where: { !$0.machine.isSameClass(as: first.machine) }) {
            objections.append("the runs were made on machines of different classes")
        }
        return objections
    }

    private var doubts: [String] { runs.flatMap(\.doubts).map { "\(name): \($0)" } }

    /// Whether the runs of both sides were made in turn, so that run i of one has a partner in run
    /// i of the other.
    func alternates(with other: Side) -> Bool {
        guard runs.count == other.runs.count, runs.count == measurements.count else { return false }
        let times =
            runs.map { (start: $0.startedAt, side: 0) }
            + other.runs.map { (start: $0.startedAt, side: 1) }
        let order = times.sorted { $0.start < $1.start }.map(\.side)
        let isInOrder = { (side: Side) in
            zip(side.runs, side.runs.dropFirst()).allSatisfy { $0.startedAt < $1.startedAt }
        }
        return isInOrder(self) && isInOrder(other)
            && stride(from: 0, to: order.count, by: 2).allSatisfy { order[$0] != order[$0 + 1] }
    }
}
