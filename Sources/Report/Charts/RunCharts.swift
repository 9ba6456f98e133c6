/// The pictures of a run, and of a search.
package enum RunCharts {
    /// Latency by percentile: from the intended send, and from the actual one. Below it the same by
    /// action and by step, where there are several.
    package static func percentiles(_ run: RunResult) -> String {
        let shares = run.distribution.share.values
        var chart = LineChart(
            "Latency by percentile", x: Axis("percentile", .share),
            y: Axis("milliseconds", .logarithmic),
            lines: [
                LineChart.Line(
                    "from the intended send", points: points(shares, run.distribution.latency)),
                LineChart.Line(
                    "from the actual send", points: points(shares, run.distribution.serviceTime),
                    style: .dashed),
            ])
        chart.subtitle = subtitle(run)
        chart.limits = limits(run)
        return LineChart.stacked([chart] + [byAction(run), bySteps(run)].compactMap(\.self))
    }

    private static func byAction(_ run: RunResult) -> LineChart? {
        guard let actions = run.histograms?.actions, actions.count > 1 else { return nil }
        return LineChart(
            "Latency by action", x: Axis("percentile", .share),
            y: Axis("milliseconds", .logarithmic),
            lines: actions.sorted { $0.key < $1.key }.map { name, own in
                let distribution = LatencyDistribution(latency: own.latency)
                return LineChart.Line(
                    name, points: points(distribution.share.values, distribution.latency))
            })
    }

    private static func bySteps(_ run: RunResult) -> LineChart? {
        guard run.steps.count > 1 else { return nil }
        let columns: [(name: String, value: (LatencySummary) -> Double)] = [
            ("p50", \.p50), ("p95", \.p95), ("p99", \.p99),
        ]
        var chart = LineChart(
            "Latency by rate", x: Axis("requests per second", .logarithmic),
            y: Axis("milliseconds", .logarithmic),
            lines: columns.map { column in
                LineChart.Line(
                    column.name,
                    points: run.steps.map {
                        (x: ($0.startRate + $0.endRate) / 2, y: column.value($0.latency))
                    }, style: .dots)
            })
        chart.limits = limits(run)
        return chart
    }

    /// Latency and rate over time, one above the other. Where nothing was answered there is no
    /// latency, and the ground is coloured.
    package static func timeline(_ run: RunResult) -> String {
        let timeline = run.timeline
        let time = timeline.time.values
        let columns = [
            ("p50", timeline.p50), ("p95", timeline.p95), ("p99", timeline.p99),
            ("max", timeline.max),
        ]
        var latency = LineChart(
            "Latency over time", x: Axis("seconds"), y: Axis("milliseconds", .logarithmic),
            lines: columns.map { LineChart.Line($0, points: points(time, $1)) })
        latency.subtitle = subtitle(run)
        latency.limits = limits(run)
        var rates = LineChart(
            "Rate over time", x: Axis("seconds"), y: Axis("requests per second"),
            lines: [
                LineChart.Line("asked", points: points(time, timeline.asked), style: .dashed),
                LineChart.Line("answered", points: points(time, timeline.answered)),
            ])
        if timeline.errors.values.contains(where: { $0 > 0 }) {
            let perSecond = Column(timeline.errors.values.map { $0 / timeline.intervalSeconds })
            rates.lines.append(
                LineChart.Line("errors", points: points(time, perSecond), role: .errors))
        }
        latency.bands = [silence(timeline)]
        rates.bands = latency.bands
        return LineChart.stacked([latency, rates] + [replicas(run)].compactMap(\.self))
    }

    private static func replicas(_ run: RunResult) -> LineChart? {
        guard let counts = run.replicas else { return nil }
        return LineChart(
            "Replicas over time", x: Axis("seconds"), y: Axis("replicas"),
            lines: [LineChart.Line("replicas", points: counts.steps(until: run.seconds))])
    }

    /// The steps of a search for the highest rate, in the order in which they were tried, and what
    /// latency each rate had.
    package static func search(_ search: SearchResult) -> String {
        let steps = search.steps.enumerated().map { (number: Double($0 + 1), step: $1) }
        func dots(_ y: (SearchResult.Step) -> Double, x: ((Double, SearchResult.Step) -> Double))
            -> [LineChart.Line]
        {
            [("held", true), ("fell short", false)].map { name, isHeld in
                LineChart.Line(
                    name,
                    points: steps.filter { $0.step.isHeld == isHeld }
                        .map { (x: x($0.number, $0.step), y: y($0.step)) }, style: .dots)
            }
        }
        var order = LineChart(
            "Steps of the search", x: Axis("step"), y: Axis("requests per second", .logarithmic),
            lines: dots(\.rate) { number, _ in number })
        order.subtitle = "\(search.target), objective: \(search.slo)"
        var latency = LineChart(
            "p95 by rate", x: Axis("requests per second", .logarithmic),
            y: Axis("milliseconds", .logarithmic), lines: dots(\.p95) { $1.rate })
        latency.limits = limits((try? Threshold.parseAll(search.slo)) ?? [])
            .filter { $0.name.contains("p95") }
        return LineChart.stacked([order, latency])
    }

    // MARK: Parts

    private static func points(_ x: [Double], _ y: Column) -> [(x: Double, y: Double)] {
        zip(x, y.values).map { (x: $0, y: $1) }
    }

    private static func subtitle(_ run: RunResult) -> String {
        "\(run.plan.target), \(run.plan.load)"
    }

    /// A line for each latency that an objective bounds from above.
    private static func limits(_ run: RunResult) -> [LineChart.Limit] {
        limits((run.slo?.lines ?? []).compactMap { try? Threshold($0.text) })
    }

    private static func limits(_ thresholds: [Threshold]) -> [LineChart.Limit] {
        thresholds.filter { $0.name.hasPrefix("latency_ms.") && $0.isUpperBound }
            .map { LineChart.Limit("objective: \($0.text)", y: $0.bound) }
    }

    /// The stretches in which something was asked for and nothing answered.
    private static func silence(_ timeline: RunTimeline) -> LineChart.Bands {
        var ranges: [ClosedRange<Double>] = []
        let length = timeline.intervalSeconds
        for (index, time) in timeline.time.values.enumerated()
        where index < timeline.answered.values.count && timeline.answered.values[index] == 0
            && index < timeline.asked.values.count && timeline.asked.values[index] > 0
        {
            if let last = ranges.last, time - last.upperBound < length / 2 {
                ranges[ranges.count - 1] = last.lowerBound...(time + length)
            } else {
                ranges.append(time...(time + length))
            }
        }
        return LineChart.Bands("nothing answered", role: .silence, ranges: ranges)
    }
}

extension RunTimeline {
    /// Length of an interval: the distance of the first two, a second where there is only one.
    var intervalSeconds: Double {
        time.values.count > 1 ? Swift.max(0.001, time.values[1] - time.values[0]) : 1
    }
}
