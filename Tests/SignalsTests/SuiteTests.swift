import Bytes
import Numerics
import Signals
import Testing

private func text(_ series: [LabelledSeries]) -> [UInt8] {
    var output = ByteBuffer(limit: 1 << 26)
    for one in series {
        SeriesFile.samplesText(one, into: &output)
        SeriesFile.eventsText(one, into: &output)
    }
    return Array(String(output.readable).utf8)
}

/// FNV-1a over the bytes.
private func checksum(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

@Suite struct SuiteTests {
    @Test("the same seed gives the same bytes on every machine")
    func isReproducible() {
        #expect(checksum(text(Suite.standard.series(seed: 1))) == 8_425_957_322_841_572_578)
        #expect(checksum(text(Suite.hard.series(seed: 1))) == 1_637_859_041_063_703_597)
        #expect(text(Suite.standard.series(seed: 1)) != text(Suite.standard.series(seed: 2)))
    }

    @Test("prevalence and sizes are as stated", arguments: [Suite.standard, Suite.hard])
    func keepsItsWord(_ suite: Suite) {
        for series in suite.series(seed: 3) {
            let share = Double(series.labels.count { $0 }) / Double(series.samples.count)
            #expect(abs(share - suite.injector.prevalence) < 0.001, "\(series.name)")
            #expect(series.events.count >= 2)
            for event in series.events {
                #expect(event.kind.hasSize == suite.injector.sigmas.contains(event.sigmas))
                #expect(suite.injector.kinds.contains(event.kind))
            }
            for (earlier, later) in zip(series.events, series.events.dropFirst()) {
                #expect(later.start > earlier.end + Injector.quietGap - 24)
            }
            #expect(series.samples.allSatisfy { $0.rps >= 0 && $0.cpu >= 0 })
        }
    }

    @Test("bumps are bumps, and the suites at four rates of sampling differ in little but that")
    func namesNewSuites() throws {
        let bumps = Suite.bumps.series(seed: 4)
        #expect(bumps.allSatisfy { $0.samples[1].timestamp - $0.samples[0].timestamp == 60 })
        for series in bumps {
            for event in series.events {
                #expect(event.kind == .bump && (4...10).contains(event.sigmas), "\(series.name)")
                #expect((8...60).contains(event.end - event.start), "\(series.name)")
            }
        }
        #expect(Suite.rates.map(\.stepSeconds) == [1, 10, 60, 300])
        for suite in Suite.rates {
            let step = try #require(suite.stepSeconds)
            #expect(Suite.named(suite.name)?.name == suite.name)
            #expect(Double(suite.injector.quietGap) * step >= 3600)
            #expect(Double(suite.injector.quietStart) * step >= 3600)
            #expect(Double(suite.samplesPerSeries) * step >= 2 * 86_400)
            let series = suite.series(seed: 2)
            #expect(series.allSatisfy { !$0.events.isEmpty }, "\(suite.name)")
            #expect(series.allSatisfy { $0.samples[1].timestamp - $0.samples[0].timestamp == step })
        }
    }

    @Test("the default suite has nothing in it that nobody could see")
    func defaultIsPlain() {
        #expect(Suite.standard.injector.sigmas.lowerBound >= 6)
        #expect(Suite.standard.injector.kinds.allSatisfy { $0.hasSize })
        #expect(Suite.standard.signals == Signal.ordinary)
    }
}

@Suite struct SeriesFileTests {
    private func parse(_ text: String) throws -> LabelledSeries {
        let bytes = Array(text.utf8)
        return try SeriesFile.parse(bytes.span, name: "x")
    }

    @Test("the forms of the public data sets are read as they are")
    func readsPublicForms() throws {
        let numenta = try parse(
            "timestamp,value\n2014-04-01 00:00:00,20.5\n2014-04-01 00:05:00,3\n")
        #expect(numenta.samples.map(\.timestamp) == [1_396_310_400, 1_396_310_700])
        #expect(numenta.samples.map(\.rps) == [20.5, 3])
        let cloud = try parse(
            "TimeStamp,Value,Label\r\n\"2017-11-01T00:00:00Z\",49.6,0\r\n"
                + "\"2017-11-01T01:00:00Z\",48,1\r\n\"2017-11-01T02:00:00Z\",47,1\r\n")
        #expect(cloud.samples[0].timestamp == 1_509_494_400)
        #expect(cloud.events == [AnomalyEvent(start: 1, end: 3, kind: .labelled)])
        let own = try parse("timestamp,rps,cpu\n1767571200,400.5,25\n")
        #expect(own.samples == [SignalSample(timestamp: 1_767_571_200, rps: 400.5, cpu: 25)])
    }

    @Test("what was written reads back")
    func roundTrips() throws {
        let series = Suite.hard.series(seed: 5)[0]
        var output = ByteBuffer(limit: 1 << 24)
        SeriesFile.samplesText(series, into: &output)
        #expect(try SeriesFile.parse(output.readable, name: series.name).samples == series.samples)
        output.removeAll()
        SeriesFile.eventsText(series, into: &output)
        #expect(try SeriesFile.parseEvents(output.readable) == series.events)
    }

    @Test("negative values stay as they are: the series is of another metric than the load")
    func keepsNegatives() throws {
        let series = try parse("timestamp,value\n1,-2\n2,3\n")
        #expect(series.samples.map(\.rps) == [-2, 3] && series.isOtherMetric)
        #expect(try !parse("timestamp,value\n1,2\n2,3\n").isOtherMetric)
    }

    @Test(
        "a bad line is named",
        arguments: [
            ("a,b\n", 1), ("", 1), ("timestamp,value\n1,x\n", 2), ("timestamp,value\n1,2\n3\n", 3),
            ("timestamp,value\nyesterday,1\n", 2), ("timestamp,value,label\n1,2,7\n", 2),
            ("timestamp,value\n2014-13-01 00:00:00,1\n", 2), ("timestamp,value\n1,inf\n", 2),
        ])
    func namesBadLines(_ text: String, _ line: Int) {
        var found: Int?
        do { _ = try parse(text) } catch let error as SeriesFileError { found = error.line } catch {
        }
        #expect(found == line)
    }

    @Test("mutated files are read or refused, and never trap")
    func survivesMutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let good = Array("timestamp,value,label\n\"2017-11-01T00:00:00Z\",49.6,0\n17,1e3,1\n".utf8)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...random.below(3) {
                bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if (try? SeriesFile.parse(bytes.span, name: "x")) == nil { refused += 1 }
        }
        #expect(refused > 1000, "seed \(seed)")
    }
}
