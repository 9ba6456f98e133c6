internal import Bytes
internal import HTTPClient
internal import Report
internal import Scoring
internal import Telemetry

/// What the threads of a run measured, and whether it can be relied on.
struct MeasuredRun {
    let plan: Plan
    let recorder: Recorder
    /// Latency of all requests, and of those with a good answer.
    let latency: Histogram
    let goodLatency: Histogram
    let timeline: Timeline
    /// Answers in all, those of the warm-up too.
    let answers: Double
    let quality: Quality?
    /// From the end of the warm-up to the plan's end, or to the last answer where that came later.
    let seconds: Double
    /// How it ended, and how many addresses its targets had.
    var ending = Ending.complete
    var addresses = 1
    /// When it began, in Unix seconds.
    let startedAt: Double
    /// What the result is held against.
    var objectives: [Threshold] = []
    /// What the cluster did meanwhile.
    var replicas: ReplicaCounts?
    /// Processor time that the server used from the run's beginning to its end.
    var serverSeconds: Double?

    init(
        plan: Plan, recorder: Recorder, timeline: Timeline, quality: Quality?,
        countsFrom: Instant, stoppedAt: Instant?, startedAt: Double
    ) {
        self.plan = plan
        self.recorder = recorder
        latency = recorder.latency
        goodLatency = recorder.goodLatency
        let answered = (recorder.lastAnswer - countsFrom).seconds
        self.timeline = timeline.ended(at: answered)
        answers = timeline.rows.reduce(0) { $0 + $1.answered } * timeline.intervalSeconds
        self.quality = quality
        self.startedAt = startedAt
        let planned = stoppedAt.map { ($0 - countsFrom).seconds } ?? plan.load.seconds
        // Labelled series end when they are all sent.
        seconds = max(0.001, quality == nil ? max(planned, answered) : answered)
    }

    var achievedRate: Double { Double(recorder.answered) / seconds }
    var errorRate: Double { ratio(recorder.failed, recorder.requests) }
    /// Requests per second asked for, on average over the time that was measured; nil in a closed
    /// loop.
    var askedRate: Double? {
        guard case .open(let curve) = plan.load else { return nil }
        guard ending != .complete, seconds < curve.seconds else { return plan.rate }
        return curve.total(by: seconds) / seconds
    }
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

    /// Why a rate does not count as held, thresholds apart; `--allow-late` pardons the generator,
    /// but not a rate that was not reached.
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
        if let rate = askedRate, quality == nil, achievedRate < MeasuredRun.reachedShare * rate {
            reasons.append(
                "asked for \(rate.shortText) requests a second, reached \(achievedRate.shortText)")
        }
        if recorder.unsent > 0 {
            reasons.append("\(recorder.unsent) requests found no free connection in time")
        }
        if recorder.cut > 0, ending == .complete {
            reasons.append(
                "\(recorder.cut) requests were under way when the time after the plan's end was over"
            )
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
            let reason = most == .tls ? recorder.tlsError : nil
            return "no request was answered: \(name): \(reason ?? most.description)"
        }
        guard goodLatency.count == 0,
            let most = recorder.statuses.indices.max(by: {
                recorder.statuses[$0] < recorder.statuses[$1]
            })
        else { return nil }
        if recorder.failures[Failure.badAnswer.rawValue] == recorder.answered {
            return "no request succeeded: no answer of \(name) to samples holds a verdict"
        }
        let others = recorder.statuses.indices
            .filter { $0 != most && recorder.statuses[$0] > 0 }
            .sorted { recorder.statuses[$0] > recorder.statuses[$1] }
            .prefix(3).map { ", \(recorder.statuses[$0]) were \($0)" }.joined()
        return
            "no request succeeded: \(recorder.statuses[most]) of \(recorder.answered) answers of "
            + "\(name) were \(most)" + others + (most == 404 ? "; is the path right?" : "")
    }
}
