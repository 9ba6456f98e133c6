import Report
import Scoring
import Signals
import Testing

@Suite struct ScoringTests {
    private func flags(_ text: String) -> [Bool] { text.map { $0 == "x" } }

    @Test("the confusion matrix and its ratios, by hand")
    func countsConfusion() {
        var confusion = Confusion()
        for (flag, label) in zip(flags("xx..x....."), flags("x...xx....")) {
            confusion.add(flagged: flag, isAnomaly: label)
        }
        #expect(confusion.truePositives == 2)
        #expect(confusion.falsePositives == 1)
        #expect(confusion.falseNegatives == 1)
        #expect(confusion.trueNegatives == 6)
        #expect(confusion.accuracy == 0.8)
        #expect(confusion.precision == 2.0 / 3)
        #expect(confusion.recall == 2.0 / 3)
        #expect(confusion.falsePositiveRate == 1.0 / 7)
        #expect(confusion.prevalence == 0.3)
        #expect(Confusion().precision == 0)
    }

    @Test("events: early, late, missed, and false alarms, by hand")
    func scoresEvents() {
        let events = [
            AnomalyEvent(start: 2, end: 4, kind: .spike),
            AnomalyEvent(start: 10, end: 25, kind: .levelShift),
            AnomalyEvent(start: 30, end: 31, kind: .spike),
        ]
        //                    0         1         2         3
        //                    0123456789012345678901234567890123456789
        let flagged = flags("x..x................xx..................")
        var score = EventScore()
        score.add(events, flagged: flagged)
        #expect(score.events == 3)
        #expect(score.found == 2)
        #expect(score.foundEarly == 1)
        #expect(score.delays == [1, 10])
        #expect(score.falseAlarms == 1)
        #expect(score.precision == 2.0 / 3)
        #expect(score.recall == 2.0 / 3)
        #expect(score.earlyRecall == 1.0 / 3)
        #expect(score.flagsPer10k == 1000)
        #expect(score.falseAlarmsPerDay == 0)
        #expect(score.medianDelay == 1)
    }

    @Test("false alarms are counted by the day of one series, whatever its sampling")
    func countsByTheDay() {
        let samples = (0...2880).map {
            SignalSample(timestamp: 1_700_000_000 + Double($0) * 60, rps: 1, cpu: 1)
        }
        let series = LabelledSeries(
            name: "x", samples: samples, events: [AnomalyEvent(start: 9, end: 12, kind: .spike)])
        #expect(series.days == 2)
        var quality = Quality()
        let flagged: Set<Int> = [10, 100, 200, 300]
        let judgments = samples.indices.map {
            Judgment(isAnomaly: false, alert: flagged.contains($0), score: 0)
        }
        quality.add(series, judgments)
        quality.add(series, judgments)
        #expect(quality.alert.events.falseAlarms == 6)
        #expect(quality.alert.events.falseAlarmsPerDay == 1.5)
        #expect(quality.figures.alert.falseAlarmsPerDay == 1.5)
        #expect(LabelledSeries(name: "y", samples: [], events: []).days == 0)
    }

    @Test("a flag just after a short event finds it early")
    func forgivesShortEvents() {
        var score = EventScore()
        score.add(
            [AnomalyEvent(start: 2, end: 3, kind: .spike)], flagged: flags("....x......x..."))
        #expect(score.foundEarly == 1)
        #expect(score.found == 0)
        #expect(score.falseAlarms == 1)
    }

    @Test("answers of the service are read as far as they are judged")
    func readsVerdicts() throws {
        let single = Array(
            #"{"status":"accepted","is_anomaly":true,"score":9.5,"alert":false,"reason":"x"}"#.utf8)
        #expect(
            try VerdictReader.single(single.span)
                == Judgment(isAnomaly: true, alert: false, score: 9.5))
        let batch = Array(
            #"""
            {"accepted":2,"rejected":1,"errors":[{"index":1,"detail":"x"}],
             "verdicts":[{"index":0,"is_anomaly":false,"alert":false,"score":0},
                         {"index":2,"is_anomaly":true,"alert":true,"score":12}]}
            """#.utf8)
        let read = try VerdictReader.batch(batch.span)
        #expect(read.accepted == 2)
        #expect(read.rejected == 1)
        #expect(read.verdicts.map(\.index) == [0, 2])
        #expect(read.verdicts[1].judgment.alert)
        let broken = Array(#"{"verdicts":[{"index":}]}"#.utf8)
        #expect(throws: (any Error).self) { _ = try VerdictReader.batch(broken.span) }
    }
}
