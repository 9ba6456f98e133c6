package import Report

/// What was judged, as figures for reports and thresholds.
extension Quality {
    package var figures: QualityFigures {
        var figures = QualityFigures()
        figures.series = series
        figures.samples = alert.confusion.count
        figures.prevalence = alert.confusion.prevalence
        figures.isAnomaly = isAnomaly.figures
        figures.alert = alert.figures
        return figures
    }
}

extension FlagQuality {
    package var figures: FlagFigures {
        var figures = FlagFigures()
        figures.flags = confusion.flagged
        figures.truePositives = confusion.truePositives
        figures.falsePositives = confusion.falsePositives
        figures.trueNegatives = confusion.trueNegatives
        figures.falseNegatives = confusion.falseNegatives
        figures.accuracy = confusion.accuracy
        figures.precision = confusion.precision
        figures.recall = confusion.recall
        figures.f1 = confusion.f1
        figures.falsePositiveRate = confusion.falsePositiveRate
        figures.events = events.events
        figures.eventPrecision = events.precision
        figures.eventRecall = events.recall
        figures.eventRecallEarly = events.earlyRecall
        figures.eventF1 = events.f1
        figures.medianDelay = events.medianDelay
        figures.flagsPer10k = events.flagsPer10k
        figures.falseAlarmsPerDay = events.falseAlarmsPerDay
        return figures
    }
}

extension NABScore {
    /// The shipped threshold's score under each profile, and the best with its threshold.
    package var figures: BenchmarkFigures {
        var figures = BenchmarkFigures()
        for profile in NABProfile.all {
            figures.scores[profile.name] = score(profile, threshold: Assessment.shipped)
            let found = best(profile)
            var entry = BenchmarkFigures.Best()
            entry.score = found.score
            entry.threshold = found.threshold.isFinite ? found.threshold : nil
            figures.best[profile.name] = entry
        }
        return figures
    }
}

extension Assessment {
    /// What is said of one flag on this collection.
    package func figures(of flag: Flag) -> AccuracyResult.Collection {
        var collection = AccuracyResult.Collection()
        collection.samples = quality.alert.confusion.count
        collection.prevalence = quality.alert.confusion.prevalence
        switch flag {
        case .alert:
            collection.figures = quality.alert.figures
            collection.benchmark = benchmark?.alert.figures
        case .isAnomaly:
            collection.figures = quality.isAnomaly.figures
            collection.benchmark = benchmark?.isAnomaly.figures
        }
        return collection
    }

    /// All that is said of this collection, series by series.
    package var score: ScoreResult {
        var result = ScoreResult()
        result.name = name
        result.total = quality.figures
        if let benchmark {
            result.benchmark = [
                Flag.alert.rawValue: benchmark.alert.figures,
                Flag.isAnomaly.rawValue: benchmark.isAnomaly.figures,
            ]
        }
        for one in series { result.series[one.name] = one.quality.figures }
        return result
    }
}

extension AccuracyResult {
    /// One flag on several collections.
    package init(_ assessments: [Assessment], flag: Assessment.Flag) {
        self.init()
        self.flag = flag.rawValue
        for one in assessments { collections[one.name] = one.figures(of: flag) }
    }
}
