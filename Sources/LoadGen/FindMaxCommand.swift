internal import Bytes
internal import System
internal import Options
internal import Report

/// `loadgen find-max`: the highest rate at which the thresholds hold, found by search and confirmed
/// by a longer run.
struct FindMaxCommand {
    private static let pause = TimeSpan.milliseconds(300)
    private static let standardWarmUp = 1.0

    private let plan: Plan
    private let slo: String
    private let objectives: [Threshold]
    private let search: RateSearch
    private let stepSeconds: Double
    private let confirmationSeconds: Double
    private let json: String?
    private let markdown: String?
    private let pictures: String?
    private let console: Console

    init(_ options: inout Options) throws(OptionError) {
        slo = options.text("--slo") ?? "p95 < 50ms, errors < 0.1%"
        objectives = try Objectives.parse(slo, flag: "--slo", labelled: false)
        guard !objectives.isEmpty else { throw OptionError("--slo: no threshold in it") }
        let low = try options.decimal("--min", in: 0.1...10_000_000) ?? 10
        let high = try options.decimal("--max", in: 0.1...10_000_000) ?? 1_000_000
        guard low <= high else { throw OptionError("--min: it must not be above --max") }
        let start = try options.decimal("--start", in: 0.1...10_000_000) ?? 1000
        let precision = try options.decimal("--precision", in: 0.001...1) ?? 0.05
        search = RateSearch(from: start, in: low...high, precision: precision)
        stepSeconds = try options.seconds("--step", 5, in: 0.2...3600)
        json = options.text("--json")
        if let json, json != "-" { try checkOutput(json, flag: "--json") }
        markdown = try options.outputPath("--markdown")
        pictures = options.text("--svg")
        if let pictures { try checkOutput(pictures + "-steps.svg", flag: "--svg") }
        console = Console(outputIsData: json == "-", isQuiet: options.isSet("--quiet"))
        var plan = try Plan(&options)
        guard case .closed(let seconds) = plan.load else {
            throw OptionError("--rate, --ramp, --steps, --preset: find-max decides the rate itself")
        }
        confirmationSeconds = seconds
        if plan.warmUpSeconds == 0 {
            plan.warmUpSeconds = min(FindMaxCommand.standardWarmUp, stepSeconds / 2)
        }
        self.plan = plan
    }

    /// - Returns: 0 when a rate was found and confirmed, 99 when none held.
    func run() throws(RunError) -> Int32 {
        var found = SearchResult()
        found.target = plan.summary.target
        found.scenario = plan.summary.scenario
        found.slo = slo
        found.machine = .current()
        var search = search
        while true {
            switch search.step {
            case .attempt(let rate):
                search.note(held: try attempt(rate, isConfirmation: false, &found))
            case .confirmation(let rate):
                search.note(held: try attempt(rate, isConfirmation: true, &found))
            case .done(let rate):
                found.rate = rate
                return try report(found)
            }
            if found.isInterrupted { return max(1, try report(found)) }
            Clock.sleep(FindMaxCommand.pause)
        }
    }

    /// Tries a rate, and says whether it held.
    private func attempt(
        _ rate: Double, isConfirmation: Bool, _ found: inout SearchResult
    ) throws(RunError) -> Bool {
        let name = isConfirmation ? "confirmation" : "step"
        var plan = plan
        plan.load = .open(
            RateCurve(rate: rate, seconds: isConfirmation ? confirmationSeconds : stepSeconds))
        var view = LiveView(console)
        view.prefix = "\(name) at \(rate.shortText)/s, "
        var measured = try LoadRun(plan).execute(showing: &view)
        measured.objectives = objectives
        found.isInterrupted = measured.ending == .interrupted
        guard measured.recorder.answered > 0 else {
            throw RunError(measured.complaints.first ?? "no request was answered")
        }
        let result = measured.result(on: found.machine)
        let reasons = (result.slo?.short.map(\.detail) ?? []) + measured.objections
        found.steps.append(
            SearchResult.Step(
                of: result, rate: rate, isConfirmation: isConfirmation, reasons: reasons))
        if isConfirmation, reasons.isEmpty { found.confirmation = result }
        let outcome = reasons.isEmpty ? "held" : reasons.joined(separator: "; ")
        console.write(
            "\(name): \(rate.shortText)/s: p95 \(result.latency.p95.shortText) ms: \(outcome)\n")
        return reasons.isEmpty
    }

    private func report(_ found: SearchResult) throws(RunError) -> Int32 {
        let text = SearchText(found).markdown
        console.write("\n" + text)
        do throws(FileError) {
            let line = found.json.line
            if json == "-" {
                StandardStreams.writeOutput(line.readable)
            } else if let json {
                try Files.write(json, line.readable)
            }
            if let markdown { try Files.write(markdown, text) }
            if let pictures { try Files.write(pictures + "-steps.svg", RunCharts.search(found)) }
        } catch {
            throw RunError(error.description)
        }
        return found.rate == nil ? 99 : 0
    }
}
