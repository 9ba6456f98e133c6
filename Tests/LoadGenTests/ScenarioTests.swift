import Numerics
import Options
import Telemetry
import Testing

@testable import LoadGen

@Suite struct ScenarioTests {
    private func plan(_ arguments: [String]) throws -> Plan {
        var options = try Options(
            ["--target", "http://127.0.0.1:1"] + arguments, switches: ["--allow-late", "--closed"])
        let plan = try Plan(&options)
        try options.expectNothingElse()
        return plan
    }

    @Test("actions are drawn by their weights")
    func weighs() throws {
        let scenario = try plan(["--mix", "ingest=6,batch=1,analyze=2,stats=1"]).scenario
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var counts: [Action: Int] = [:]
        for _ in 0..<100_000 { counts[scenario.draw(&random), default: 0] += 1 }
        for (action, share) in [
            (Action.ingest, 0.6), (.batch, 0.1), (.analyze, 0.2), (.stats, 0.1),
        ] {
            let found = Double(counts[action] ?? 0) / 100_000
            #expect(abs(found - share) < 0.012, "seed \(seed), \(action)")
        }
    }

    @Test("the preset of the fifth service's report: 500 a second for 5 minutes, 300 users, 9 to 1")
    func hasPreset() throws {
        let preset = try plan(["--preset", "mixed-500"])
        guard case .open(let curve) = preset.load else {
            Issue.record("the preset is an open loop")
            return
        }
        #expect(curve.seconds == 300)
        #expect(curve.rate(at: 3) == 250)
        #expect(curve.rate(at: 100) == 500)
        #expect(preset.connections == 300)
        #expect(preset.connectionsPerSecond == 50)
        #expect(preset.scenario.weights == [.ingest: 90, .analyze: 10])
        // What is said beside it goes before it.
        let changed = try plan([
            "--preset", "mixed-500", "--rate", "50", "--duration", "2s", "--mix", "stats=1",
        ])
        #expect(changed.load == .open(RateCurve(rate: 50, seconds: 2)))
        #expect(changed.scenario.weights == [.stats: 1])
        #expect(changed.connections == 300)
    }

    @Test("rates, ramps and steps are read as they are written")
    func readsLoads() throws {
        typealias Stretch = RateCurve.Stretch
        #expect(try plan([]).load == .closed(seconds: 30))
        #expect(try plan(["--rate", "500"]).load == .open(RateCurve(rate: 500, seconds: 30)))
        let ramp = try plan(["--ramp", "100..5000/60s"]).load
        #expect(ramp == .open(RateCurve([Stretch(seconds: 60, from: 100, to: 5000)])))
        let steps = try plan(["--steps", "500,1000,2000x30s"]).load
        let rates = [500.0, 1000, 2000]
        #expect(
            steps == .open(RateCurve(rates.map { Stretch(seconds: 30, from: $0, to: $0) })))
        let held = try plan(["--ramp", "0..10/1s", "--duration", "3s"]).load
        #expect(
            held
                == .open(
                    RateCurve([
                        Stretch(seconds: 1, from: 0, to: 10), Stretch(seconds: 2, from: 10, to: 10),
                    ])))
    }

    @Test(
        "what is no plan is refused by the name of its flag",
        arguments: [
            ["--ramp", "100..5000"], ["--ramp", "0..0/1s"], ["--ramp", "-5..5/1s"],
            ["--ramp", "1..nan/1s"], ["--steps", "500x"], ["--steps", "500,,1x3s"],
            ["--steps", "x3s"], ["--rate", "inf"], ["--mix", "ingest=1,ingest=2"],
            ["--mix", "ingest=-1"], ["--mix", "ingest=nan"], ["--mix", ""], ["--mix", "x=1"],
            ["--spacing", "odd"], ["--spread", "thin"], ["--preset", "none"], ["--batch", "0"],
            ["--keep-alive", "maybe"], ["--host-header", "a b"], ["--connect-rate", "0"],
        ])
    func refuses(_ arguments: [String]) throws {
        let error = #expect(throws: OptionError.self) { _ = try plan(arguments) }
        #expect(error?.description.contains(arguments[0]) == true)
    }

    @Test("a latency above a minute is told apart where the time-out allows it")
    func keepsLongLatencies() throws {
        var options = try Options(
            ["--target", "http://a:1", "--rate", "1", "--duration", "10s", "--timeout", "600s"],
            switches: [])
        let plan = try Plan(&options)
        var recorder = Recorder(plan)
        let latency = 500_000_000_000
        recorder.noteAnswer(
            .ingest, step: 0, status: 202, failure: nil, latency: latency, serviceTime: latency)
        recorder.noteEnd(.analyze, step: 0, failure: .timeout, latency: latency / 2)
        for share in [0.99, 1] {
            #expect(abs(Double(recorder.latency.quantile(share)) / Double(latency) - 1) < 0.001)
        }
        let half = Double(recorder.latency.quantile(0.5)) * 2 / Double(latency)
        #expect(abs(half - 1) < 0.001)
        #expect(recorder.goodLatency.count == 1 && recorder.latency.count == 2)
    }

    @Test("several targets, each with what stands before its paths")
    func readsTargets() throws {
        var options = try Options(
            ["--target", "http://a:1/api/,http://[::1]:2"], switches: [])
        let addresses = try Address.list(&options)
        #expect(addresses.map(\.url.prefix) == ["/api", ""])
        #expect(addresses.map(\.hostHeader) == ["a:1", "[::1]:2"])
        #expect(addresses.map(\.text) == ["http://a:1/api", "http://[::1]:2"])
    }
}
