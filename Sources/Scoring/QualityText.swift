package import Bytes
package import Report

extension ByteBuffer {
    /// Appends a quality as a JSON object with `is_anomaly` and `alert` side by side.
    package mutating func append(_ quality: Quality) {
        append("{\"series\":")
        append(integer: quality.series)
        append(",\"samples\":")
        append(integer: quality.alert.confusion.count)
        append(",\"prevalence\":")
        append(number: quality.alert.confusion.prevalence)
        append(",\"is_anomaly\":")
        append(quality.isAnomaly)
        append(",\"alert\":")
        append(quality.alert)
        append("}")
    }

    private mutating func append(_ quality: FlagQuality) {
        append("{\"flags\":")
        append(integer: quality.confusion.flagged)
        append(members: quality)
        append("}")
    }

    /// Appends the members of an object that has some already, each with a comma before it.
    mutating func append(members quality: FlagQuality) {
        let confusion = quality.confusion
        let events = quality.events
        let numbers: [(StaticString, Double)] = [
            ("true_positives", Double(confusion.truePositives)),
            ("false_positives", Double(confusion.falsePositives)),
            ("true_negatives", Double(confusion.trueNegatives)),
            ("false_negatives", Double(confusion.falseNegatives)),
            ("accuracy", confusion.accuracy), ("precision", confusion.precision),
            ("recall", confusion.recall), ("f1", confusion.f1),
            ("fpr", confusion.falsePositiveRate), ("events", Double(events.events)),
            ("event_precision", events.precision), ("event_recall", events.recall),
            ("event_recall_early", events.earlyRecall), ("event_f1", events.f1),
            ("median_delay", Double(events.medianDelay)), ("flags_per_10k", events.flagsPer10k),
        ]
        for number in numbers {
            append(",\"")
            append(number.0)
            append("\":")
            append(number: number.1)
        }
    }
}

/// The table of qualities: for each name two rows, `is_anomaly` and `alert`.
package func qualityTable(_ qualities: [(name: String, quality: Quality)]) -> MarkdownTable {
    var table = MarkdownTable([
        "data, flag", "samples", "prevalence", "accuracy", "precision", "recall", "FPR",
        "event precision", "event recall", "event F1", "median delay", "flags / 10k",
    ])
    for (name, quality) in qualities {
        for (flag, part) in [("is_anomaly", quality.isAnomaly), ("alert", quality.alert)] {
            let confusion = part.confusion
            let events = part.events
            table.add([
                "\(name), `\(flag)`", String(confusion.count), confusion.prevalence.percentText,
                confusion.accuracy.percentText, confusion.precision.percentText,
                confusion.recall.percentText, confusion.falsePositiveRate.percentText,
                events.precision.shortText, events.earlyRecall.shortText, events.f1.shortText,
                String(events.medianDelay), events.flagsPer10k.shortText,
            ])
        }
    }
    return table
}
