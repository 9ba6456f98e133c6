package import Report
internal import Signals

extension Assessment {
    /// The four numbers of which everything per sample is made.
    package static func confusionTable(_ assessments: [Assessment]) -> MarkdownTable {
        var table = MarkdownTable([
            "data, flag", "true positives", "false positives", "false negatives", "true negatives",
            "F1", "events", "found anywhere inside",
        ])
        for one in assessments {
            for (flag, part) in one.flags {
                let matrix = part.confusion
                table.add([
                    "\(one.name), `\(flag)`", String(matrix.truePositives),
                    String(matrix.falsePositives), String(matrix.falseNegatives),
                    String(matrix.trueNegatives), matrix.f1.shortText, String(part.events.events),
                    part.events.recall.shortText,
                ])
            }
        }
        return table
    }

    /// What kinds of event were alerted, and how soon.
    package static func kindTable(_ assessments: [Assessment]) -> MarkdownTable {
        var table = MarkdownTable([
            "data, kind of event", "events", "alerted within 8 samples", "anywhere inside",
            "median delay",
        ])
        for one in assessments {
            for kind in AnomalyKind.allCases {
                guard let score = one.kinds[kind] else { continue }
                table.add([
                    "\(one.name), \(kind.rawValue)", String(score.events),
                    score.earlyRecall.shortText, score.recall.shortText, String(score.medianDelay),
                ])
            }
        }
        return table
    }

    /// Alerts beside what else could have been used.
    package static func baselineTable(_ assessments: [Assessment]) -> MarkdownTable {
        var table = MarkdownTable([
            "data, detector", "threshold", "event precision", "event recall", "event F1",
            "flags / 10k",
        ])
        func add(_ name: String, threshold: String, score: EventScore) {
            table.add([
                name, threshold, score.precision.shortText, score.earlyRecall.shortText,
                score.f1.shortText, score.flagsPer10k.shortText,
            ])
        }
        for one in assessments {
            add(
                "\(one.name), `alert`", threshold: "as shipped",
                score: one.quality.alert.events)
            for baseline in one.baselines {
                let best = baseline.best
                add(
                    "\(one.name), \(baseline.name)",
                    threshold: "best: \(best.threshold.shortText) sigmas", score: best.score)
            }
        }
        return table
    }

    /// The Numenta benchmark's scores; nil where no collection has its windows.
    package static func benchmarkTable(_ assessments: [Assessment]) -> MarkdownTable? {
        var table = MarkdownTable([
            "data, profile", "`is_anomaly`", "`alert`, as shipped",
            "`alert`, at its best threshold",
            "that threshold",
        ])
        var isEmpty = true
        for one in assessments {
            guard let benchmark = one.benchmark else { continue }
            for profile in NABProfile.all {
                let best = benchmark.alert.best(profile)
                table.add([
                    "\(one.name), \(profile.name)",
                    benchmark.isAnomaly.score(profile, threshold: Assessment.shipped).shortText,
                    benchmark.alert.score(profile, threshold: Assessment.shipped).shortText,
                    best.score.shortText, best.threshold.shortText,
                ])
                isEmpty = false
            }
        }
        return isEmpty ? nil : table
    }

    fileprivate var flags: [(String, FlagQuality)] {
        [("is_anomaly", quality.isAnomaly), ("alert", quality.alert)]
    }
}

extension Assessment {
    /// One of the two flags of a verdict.
    package enum Flag: String, Sendable, CaseIterable {
        case alert
        case isAnomaly = "is_anomaly"
    }
}
