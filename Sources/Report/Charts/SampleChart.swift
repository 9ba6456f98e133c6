/// A series over its samples, with the stretches that are labelled and the moments that alerted.
package enum SampleChart {
    /// - Parameter window: the part of the series that is drawn.
    package static func svg(
        title: String, values: [Double], labelled: [Range<Int>], alerts: [Int], window: Range<Int>
    ) -> String {
        let shown = window.clamped(to: 0..<values.count)
        let low = values[shown].min() ?? 0
        let high = values[shown].max() ?? 1
        let span = Double(shown.lowerBound)...Double(max(shown.upperBound, shown.lowerBound + 1))
        var chart = LineChart(
            title, x: Axis("sample", .fixed(span)), y: Axis("value", .fixed(low...high)),
            lines: [
                LineChart.Line("value", points: shown.map { (x: Double($0), y: values[$0]) }),
                LineChart.Line(
                    "alert",
                    points: alerts.filter(shown.contains).map { (x: Double($0), y: values[$0]) },
                    style: .dots, role: .alerts),
            ])
        let ranges = labelled.map { $0.clamped(to: shown) }.filter { !$0.isEmpty }
        chart.bands = [
            LineChart.Bands(
                "labelled", role: .labelled,
                ranges: ranges.map { Double($0.lowerBound)...Double($0.upperBound) })
        ]
        return chart.svg
    }
}
