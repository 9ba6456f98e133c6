/// Rows of verdict quality, a flag each.
package struct QualityTable {
    private var table = MarkdownTable([
        "data, flag", "samples", "prevalence", "accuracy", "precision", "recall", "FPR",
        "event precision", "event recall", "event F1", "median delay", "flags / 10k",
        "false alarms / day",
    ])
    package private(set) var isEmpty = true

    package init() {}

    /// Both flags of one collection.
    package init(_ qualities: [(name: String, quality: QualityFigures)]) {
        for (name, quality) in qualities { add(quality, name: name) }
    }

    package mutating func add(_ quality: QualityFigures, name: String) {
        for (flag, figures) in [("is_anomaly", quality.isAnomaly), ("alert", quality.alert)] {
            add(
                figures, name: "\(name), `\(flag)`", samples: quality.samples,
                prevalence: quality.prevalence)
        }
    }

    package mutating func add(
        _ figures: FlagFigures, name: String, samples: Int, prevalence: Double
    ) {
        isEmpty = false
        table.add([
            name, String(samples), prevalence.percentText, figures.accuracy.percentText,
            figures.precision.percentText, figures.recall.percentText,
            figures.falsePositiveRate.percentText, figures.eventPrecision.shortText,
            figures.eventRecallEarly.shortText, figures.eventF1.shortText,
            String(figures.medianDelay), figures.flagsPer10k.shortText,
            figures.falseAlarmsPerDay.shortText,
        ])
    }

    package var text: String { table.text }
}
