import Numerics
import TestSupport
import Testing

@testable import LoadGen

@Suite struct SearchTests {
    /// Runs a search against a server that holds up to `capacity`, and counts its steps.
    private func find(
        _ search: RateSearch, holds: (RateSearch.Step) -> Bool
    ) -> (rate: Double?, steps: Int) {
        var search = search
        for steps in 0..<1000 {
            if case .done(let rate) = search.step { return (rate, steps) }
            search.note(held: holds(search.step))
        }
        Issue.record("the search does not end")
        return (nil, 1000)
    }

    private func rate(_ step: RateSearch.Step) -> Double {
        switch step {
        case .attempt(let rate), .confirmation(let rate): rate
        case .done(let rate): rate ?? 0
        }
    }

    @Test("it finds any capacity to its precision, in few steps")
    func finds() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            let capacity = 10 + random.unit() * random.unit() * 100_000
            let search = RateSearch(
                from: 10 + random.unit() * 10_000, in: 10...1_000_000, precision: 0.05)
            let found = find(search) { rate($0) <= capacity }
            let reached = found.rate ?? 0
            #expect(reached <= capacity, "seed \(seed), capacity \(capacity)")
            // Whole requests a second are as fine as it gets.
            #expect(reached * 1.05 + 1 > capacity, "seed \(seed), capacity \(capacity)")
            #expect(found.steps < 45, "seed \(seed), capacity \(capacity)")
        }
    }

    @Test("it keeps to its range")
    func keepsToRange() {
        let search = RateSearch(from: 1000, in: 100...5000, precision: 0.05)
        #expect(find(search) { _ in true }.rate == 5000)
        #expect(find(search) { _ in false }.rate == nil)
        let found = find(search) { step in
            #expect((100...5000).contains(rate(step)))
            return rate(step) <= 150
        }
        #expect((found.rate ?? 0) > 140)
    }

    @Test("one bad moment does not make a rate fall short")
    func pardonsOnce() {
        var count = 0
        let search = RateSearch(from: 100, in: 10...100_000, precision: 0.05)
        let found = find(search) { step in
            count += 1
            // Every first try is disturbed.
            return rate(step) <= 3000 && count % 2 == 0
        }
        #expect((found.rate ?? 0) > 2850)
    }

    @Test("what holds only for a moment is not confirmed; the search goes down until something is")
    func retreats() {
        let search = RateSearch(from: 100, in: 10...100_000, precision: 0.05)
        let found = find(search) { step in
            switch step {
            case .attempt(let rate): rate <= 3000
            case .confirmation(let rate): rate <= 1200
            case .done: true
            }
        }
        #expect((found.rate ?? 0) <= 1200)
        #expect((found.rate ?? 0) > 600)
        #expect(find(search) { if case .attempt = $0 { true } else { false } }.rate == nil)
    }

    @Test("the program finds what a server of known pace can do")
    func measuresPace() throws {
        // A millisecond an answer: 1000 a second and no more.
        let server = try ScriptedServer(secondsPerAnswer: 0.001)
        defer { server.stop() }
        let run = try Programs.loadgen(
            server.port,
            [
                "--slo", "p95 < 50ms, errors < 0.1%", "--step", "1s", "--duration", "2s", "--start",
                "400", "--precision", "0.1", "--allow-late", "--mix", "stats=1",
            ], command: "find-max")
        #expect(run.status == 0, "\(run.output)")
        // A backlog of 50 ms is 50 requests, in the two seconds of the confirming run.
        #expect(run.number("max_rps") <= 1030, "\(run.output)")
        #expect(run.number("max_rps") > 200, "\(run.output)")
        #expect(run.number("confirmation", "requests") >= run.number("max_rps") * 2 - 1)
    }
}
