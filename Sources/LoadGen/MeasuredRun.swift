internal import Bytes
internal import HTTPClient
internal import Report
internal import Scoring
internal import Telemetry

/// What the threads of a run measured, and whether it can be relied on.
struct MeasuredRun {
    let plan: Plan
    let recorder: Recorder
    let timeline: Timeline
    let quality: Quality?
    /// From the end of the warm-up to the plan's end, or to the last answer where that came later.
    let seconds: Double
    /// When it began, in Unix seconds.
    let startedAt: Double
    /// What the result is held against.
    var objectives: [Threshold] = []
    /// The highest count of replicas that somebody saw meanwhile.
    var replicasMax: Int?
    /// Processor time that the server used from the run's beginning to its end.
    var serverSeconds: Double?

    init(
        plan: Plan, recorder: Recorder, timeline: Timeline, quality: Quality?,
        countsFrom: Instant, startedAt: Double
    ) {
        self.plan = plan
        self.recorder = recorder
        self.timeline = timeline
        self.quality = quality
        self.startedAt = startedAt
        let answered = (recorder.lastAnswer - countsFrom).seconds
        // Labelled series end when they are all sent.
        seconds = max(0.001, quality == nil ? max(plan.load.seconds, answered) : answered)
    }

    var achievedRate: Double { Double(recorder.answered) / seconds }
    var errorRate: Double { ratio(recorder.failed, max(recorder.requests, recorder.failed)) }
    /// Share of the time in which the generator's threads were at work.
    var processorShare: Double {
        recorder.elapsedSeconds > 0 ? recorder.busySeconds / recorder.elapsedSeconds : 0
    }

    // MARK: Self-check

    /// A send that is late by less than this spoils no latency.
    private static let harmlessLagMilliseconds = 1.0
    /// Nor does one that is late by less than this share of the bound that is asked for.
    private static let harmlessLagShare = 0.1
    private static let busyShare = 0.95
    private static let reachedShare = 0.98

    /// What makes the numbers untrustworthy, in words; empty when they can be relied on.
    var complaints: [String] {
        [unanswered, lateness, business].compactMap(\.self) + unreached
    }

    /// Why a rate does not count as held, thresholds apart; `--allow-late` pardons the generator, but
    /// not a rate that was not reached.
    var objections: [String] {
        plan.allowsLate ? [unanswered].compactMap(\.self) + unreached : complaints
    }

    /// Lateness is judged where the objectives look: an objective about p95 is not spoiled by a few
    /// sends in a thousand. Without an objective about latency p95 is what is looked at.
    private var lateness: String? {
        let bounds = objectives.filter(\.isUpperBound).compactMap { objective in
            Lateness(objective).map { (lateness: $0, bound: objective.bound) }
        }
        for (lateness, bound) in bounds.isEmpty ? [(Lateness.standard, 0)] : bounds {
            let allowed = max(
                MeasuredRun.harmlessLagMilliseconds, MeasuredRun.harmlessLagShare * bound)
            let late = lateness.milliseconds(recorder.lag)
            guard late > allowed else { continue }
            return "\(lateness.words) \(late.shortText) ms late or more (allowed is "
                + "\(allowed.shortText) ms): this machine cannot keep the plan"
        }
        return nil
    }

    private var business: String? {
        guard processorShare > MeasuredRun.busyShare else { return nil }
        return "the generator's own threads were busy \(processorShare.percentText) of the time: "
            + "the server may hold more than it was asked; try --threads"
    }

    private var unreached: [String] {
        var reasons: [String] = []
        if let rate = plan.rate, quality == nil, achievedRate < MeasuredRun.reachedShare * rate {
            reasons.append(
                "asked for \(rate.shortText) requests a second, reached \(achievedRate.shortText)")
        }
        if recorder.unsent > 0 {
            reasons.append("\(recorder.unsent) requests found no free connection in time")
        }
        return reasons
    }

    /// Why nothing at all worked; nil where something did.
    private var unanswered: String? {
        let name = plan.addresses.map(\.text).joined(separator: ", ")
        if recorder.answered == 0 {
            if recorder.failures[Failure.timeout.rawValue] > 0 {
                return "no request was answered: \(name) accepts connections and is silent for "
                    + "\(plan.timeoutSeconds.shortText) s"
            }
            guard
                let most = ConnectFailure.allCases.max(by: {
                    recorder.connectFailures[$0.rawValue] < recorder.connectFailures[$1.rawValue]
                }), recorder.connectFailures[most.rawValue] > 0
            else { return "no request was answered: nothing connects at \(name)" }
            return "no request was answered: \(name): \(most.description)"
        }
        let good = recorder.statuses[100..<400].reduce(0, +)
        guard good == 0,
            let most = recorder.statuses.indices.max(by: {
                recorder.statuses[$0] < recorder.statuses[$1]
            })
        else { return nil }
        return
            "no request succeeded: \(recorder.statuses[most]) of \(recorder.answered) answers of "
            + "\(name) were \(most)" + (most == 404 ? "; is the path right?" : "")
    }
}
