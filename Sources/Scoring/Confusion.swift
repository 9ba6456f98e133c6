/// How often a yes-or-no judgment was right, sample by sample.
package struct Confusion: Equatable, Sendable {
    package var truePositives = 0
    package var falsePositives = 0
    package var trueNegatives = 0
    package var falseNegatives = 0

    package init() {}

    package mutating func add(flagged: Bool, isAnomaly: Bool) {
        switch (flagged, isAnomaly) {
        case (true, true): truePositives += 1
        case (true, false): falsePositives += 1
        case (false, false): trueNegatives += 1
        case (false, true): falseNegatives += 1
        }
    }

    package mutating func add(_ other: Confusion) {
        truePositives += other.truePositives
        falsePositives += other.falsePositives
        trueNegatives += other.trueNegatives
        falseNegatives += other.falseNegatives
    }

    package var count: Int { truePositives + falsePositives + trueNegatives + falseNegatives }
    package var flagged: Int { truePositives + falsePositives }
    package var anomalous: Int { truePositives + falseNegatives }

    /// Share of the samples that are anomalous; precision says nothing without it.
    package var prevalence: Double { ratio(anomalous, count) }
    package var accuracy: Double { ratio(truePositives + trueNegatives, count) }
    package var precision: Double { ratio(truePositives, flagged) }
    package var recall: Double { ratio(truePositives, anomalous) }
    package var falsePositiveRate: Double { ratio(falsePositives, falsePositives + trueNegatives) }
    package var f1: Double { harmonicMean(precision, recall) }
}

/// `part / whole`, 0 when there is no whole.
package func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
}

package func harmonicMean(_ left: Double, _ right: Double) -> Double {
    left + right == 0 ? 0 : 2 * left * right / (left + right)
}
