internal import Report
internal import Scoring
internal import Signals

/// A chart of the report, and the file that it goes to.
struct Picture {
    let file: String
    let title: String
    let svg: String
    /// Pictures of series that others made are written, and not put into the page: what is kept
    /// with it is this project's own.
    var isShown = true

    /// Samples of a series that are shown.
    private static let shownSamples = 1500
    private static let curvePoints = 40

    /// Event precision over event recall of each collection: alerts from each score up, with a mark
    /// where all of them count, and the plain alternatives of the first collection.
    static func curves(_ assessments: [Assessment]) -> Picture {
        var lines = assessments.map { one in
            let events = one.quality.alert.events
            return LineChart.Line(
                "\(one.name), alert", points: points(one.alerts),
                mark: (x: events.earlyRecall, y: events.precision))
        }
        if let first = assessments.first, let baseline = first.baselines.first {
            lines.append(
                LineChart.Line("\(first.name), roll-50 z", points: points(baseline.sweep)))
        }
        let title = "Event precision over event recall, by threshold"
        let chart = LineChart(
            title, x: Axis("event recall", .fixed(0...1)),
            y: Axis("event precision", .fixed(0...1)),
            lines: lines)
        return Picture(file: "precision-recall.svg", title: title, svg: chart.svg)
    }

    private static func points(_ sweep: EventSweep) -> [(x: Double, y: Double)] {
        sweep.curve(count: curvePoints).map { ($0.score.earlyRecall, $0.score.precision) }
    }

    /// The best and the worst series of a collection, by event F1 of those that have events.
    static func bestAndWorst(
        of assessment: Assessment, series: [LabelledSeries], verdicts: [String: [Judgment]]
    ) throws(CommandError) -> [Picture] {
        let ranked = assessment.series.indices
            .filter { !series[$0].events.isEmpty }
            .sorted { quality(assessment, $0) > quality(assessment, $1) }
        guard let best = ranked.first, let worst = ranked.last else { return [] }
        var pictures: [Picture] = []
        for index in best == worst ? [best] : [best, worst] {
            let judgments = try LabelledData.judgments(of: series[index], in: verdicts)
            let rank = index == best ? "best" : "worst"
            pictures.append(
                picture(
                    of: series[index], judgments: judgments, file: "\(assessment.name)-\(rank)",
                    rank: rank))
        }
        return pictures
    }

    private static func quality(_ assessment: Assessment, _ index: Int) -> Double {
        assessment.series[index].quality.alert.events.f1
    }

    private static func picture(
        of series: LabelledSeries, judgments: [Judgment], file name: String, rank: String
    ) -> Picture {
        let alerts = judgments.indices.filter { judgments[$0].alert }
        let labelled = series.events.map { $0.start..<$0.end }
        let middle = labelled.first?.lowerBound ?? 0
        let start = max(0, min(middle - shownSamples / 5, judgments.count - shownSamples))
        let title = "\(series.name) (\(rank) of its collection)"
        let svg = SampleChart.svg(
            title: title, values: series.samples.map(\.rps), labelled: labelled, alerts: alerts,
            window: start..<min(judgments.count, start + shownSamples))
        let isOwn = series.events.allSatisfy { $0.kind != .labelled }
        return Picture(file: "\(name).svg", title: title, svg: svg, isShown: isOwn)
    }
}
