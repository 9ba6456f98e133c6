internal import System
internal import Options
internal import Report

/// `loadgen run`: a run against a deployment, or several of one plan.
struct RunCommand {
    private static let repeatLimit = 100

    private let plan: Plan
    private let objectives: [Threshold]
    private let files: OutputFiles
    private let repeats: Int
    private let server: ServerProcess?
    /// A file that somebody else fills meanwhile from `kubectl get hpa -w`: a Unix time and a count
    /// a line.
    private let replicas: String?
    private let console: Console

    init(_ options: inout Options) throws(OptionError) {
        plan = try Plan(&options)
        objectives = try Objectives.parse(
            options.text("--slo") ?? "", flag: "--slo", labelled: plan.suite != nil)
        repeats = try options.integer("--repeat", 1, in: 1...RunCommand.repeatLimit)
        files = try OutputFiles(&options, repeats: repeats)
        server = try ServerProcess(&options)
        replicas = options.text("--replicas")
        console = Console(outputIsData: files.jsonIsOutput, isQuiet: options.isSet("--quiet"))
    }

    /// - Returns: the exit status: 0 held, 99 a threshold fell short, 1 the run can't be relied on.
    func run() throws(RunError) -> Int32 {
        if repeats > 1 { return try runSeveral() }
        let result = try runOnce(name: "")
        try files.write(result)
        return status(result)
    }

    /// Every run begins when the one before is over; the status is that of the worst.
    private func runSeveral() throws(RunError) -> Int32 {
        var set = RunSet()
        for number in 1...repeats {
            let result = try runOnce(name: "run \(number) of \(repeats): ")
            set.runs.append(result)
            if result.isInterrupted { break }
        }
        try files.write(set)
        let statuses = set.runs.map(status)
        return statuses.contains(1) ? 1 : statuses.max() ?? 0
    }

    private func runOnce(name: String) throws(RunError) -> RunResult {
        var view = LiveView(console)
        view.prefix = name
        let before = server?.processorSeconds
        var measured = try LoadRun(plan).execute(showing: &view)
        if let before, let after = server?.processorSeconds {
            measured.serverSeconds = after - before
        }
        measured.objectives = objectives
        if let replicas {
            measured.replicas = try readReplicas(replicas, start: measured.startedAt)
        }
        let result = measured.result(on: .current())
        console.write(name.isEmpty ? "" : name + "\n")
        console.write(RunSummary(result, palette: console.palette).text)
        if console.isQuiet {
            for doubt in result.doubts { StandardStreams.writeError("loadgen: \(doubt)\n") }
        }
        return result
    }

    private func status(_ result: RunResult) -> Int32 {
        if result.isInterrupted || result.abort != nil { return 1 }
        let isPardoned = plan.allowsLate && result.achievedRate > 0
        if !result.isReliable, !isPardoned { return 1 }
        guard result.slo?.allHeld ?? true else { return 99 }
        // Where nothing was good there is nothing to be content with.
        return result.requests > result.errors.total ? 0 : 1
    }
}

/// Reads what somebody wrote who watched the cluster; nil where nothing was seen.
func readReplicas(_ path: String, start: Double) throws(RunError) -> ReplicaCounts? {
    let text = String(decoding: try readFile(path), as: UTF8.self)
    let counts = ReplicaCounts(lines: text, start: start)
    return counts.largest == nil ? nil : counts
}
