internal import Bytes
internal import HTTPClient
internal import Report
internal import Scoring
internal import Telemetry

/// What a run came to.
struct RunResult {
    let plan: Plan
    let recorder: Recorder
    let timeline: Timeline
    let quality: Quality?
    /// From the end of the warm-up to the plan's end, or to the last answer where that came later.
    let seconds: Double
    /// The highest count of replicas that somebody saw meanwhile.
    var replicas: Int?

    init(
        _ plan: Plan, _ recorder: Recorder, _ timeline: Timeline, _ quality: Quality?,
        from countsFrom: Instant
    ) {
        self.plan = plan
        self.recorder = recorder
        self.timeline = timeline
        self.quality = quality
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

    private static let lateShare = 0.01
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

    private var lateness: String? {
        guard ratio(recorder.lateSends, max(1, recorder.requests)) > RunResult.lateShare else {
            return nil
        }
        return "\(recorder.lateSends) of \(recorder.requests) sends were over 1 ms late: "
            + "this machine cannot keep the plan"
    }

    private var business: String? {
        guard processorShare > RunResult.busyShare else { return nil }
        return "the generator's own threads were busy \(processorShare.percentText) of the time: "
            + "the server may hold more than it was asked; try --threads"
    }

    private var unreached: [String] {
        var reasons: [String] = []
        if let rate = plan.rate, quality == nil, achievedRate < RunResult.reachedShare * rate {
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
