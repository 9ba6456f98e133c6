/// The pictures of a run, and of a search, from their documents.
package enum RunCharts {
    private static func points(_ document: Document, _ x: String, _ y: String)
        -> [(x: Double, y: Double)]
    {
        zip(document.column(x), document.column(y)).map { (x: $0, y: $1) }
    }

    /// Latency by percentile: from the intended send, and from the actual one.
    package static func percentiles(_ run: Document) -> String {
        LineChart(
            "Latency by percentile", x: Axis("percentile", .share),
            y: Axis("milliseconds", .logarithmic),
            [
                LineChart.Line(
                    "from the intended send",
                    points(run, "distribution.share", "distribution.latency_ms")),
                LineChart.Line(
                    "from the actual send",
                    points(run, "distribution.share", "distribution.service_time_ms"), .dashed),
            ]
        ).svg
    }

    /// Latency and rate over time, one above the other.
    package static func timeline(_ run: Document) -> String {
        let latency = ["p50", "p95", "p99", "max"].map {
            LineChart.Line($0, points(run, "timeline.time_s", "timeline.\($0)_ms"))
        }
        let rates = [
            LineChart.Line("asked", points(run, "timeline.time_s", "timeline.asked_rps"), .dashed),
            LineChart.Line("answered", points(run, "timeline.time_s", "timeline.answered_rps")),
        ]
        return LineChart.stacked([
            LineChart(
                "Latency over time", x: Axis("seconds"), y: Axis("milliseconds", .logarithmic),
                latency),
            LineChart(
                "Rate over time", x: Axis("seconds"), y: Axis("requests per second"), rates),
        ])
    }

    /// The steps of a search for the highest rate, in the order in which they were tried, and what
    /// latency each rate had.
    package static func search(_ search: Document) -> String {
        let rates = search.column("steps.rate")
        let held = search.column("steps.held")
        func steps(_ value: Double) -> [(x: Double, y: Double)] {
            rates.indices.filter { $0 < held.count && held[$0] == value }
                .map { (x: Double($0 + 1), y: rates[$0]) }
        }
        func latency(_ name: String, _ value: Double) -> [(x: Double, y: Double)] {
            let latencies = search.column("steps.\(name)")
            return rates.indices.filter {
                $0 < held.count && $0 < latencies.count && held[$0] == value
            }.map { (x: rates[$0], y: latencies[$0]) }
        }
        return LineChart.stacked([
            LineChart(
                "Steps of the search", x: Axis("step"),
                y: Axis("requests per second", .logarithmic),
                [
                    LineChart.Line("held", steps(1), .dots),
                    LineChart.Line("fell short", steps(0), .dots),
                ]),
            LineChart(
                "p95 by rate", x: Axis("requests per second", .logarithmic),
                y: Axis("milliseconds", .logarithmic),
                [
                    LineChart.Line("held", latency("p95_ms", 1), .dots),
                    LineChart.Line("fell short", latency("p95_ms", 0), .dots),
                ]),
        ])
    }
}
