import Bytes
import Numerics
import Testing

@testable import LoadGen

@Suite struct ArrivalsTests {
    /// A curve of one to four stretches, some of them flat, some starting or ending at nothing.
    private func curve(_ random: inout SeededRandom) -> RateCurve {
        RateCurve(
            (0...random.below(4)).map { _ in
                let start = random.below(4) == 0 ? 0 : random.unit() * 5000
                let end = random.below(3) == 0 ? start : random.unit() * 5000
                return RateCurve.Stretch(seconds: 0.1 + random.unit(), from: start, to: end)
            })
    }

    private func times(_ arrivals: Arrivals) -> [TimeSpan] {
        var arrivals = arrivals
        var times: [TimeSpan] = []
        while let due = arrivals.due {
            times.append(due)
            arrivals.advance()
        }
        return times
    }

    @Test("a constant rate is due at equal distances, from the start on, to the end")
    func isEven() {
        let due = times(Arrivals(RateCurve(rate: 1000, seconds: 2), .even))
        #expect(due.count == 2000)
        #expect(due[0].nanoseconds == 0)
        #expect(due[1].nanoseconds == 1_000_000)
        #expect(due[1999].nanoseconds == 1_999_000_000)
    }

    @Test("a ramp is due where the integral of its rate says")
    func ramps() {
        // From 0 to 100 in 10 s: 5 t² requests by t, so request n is due at √(n/5).
        let ramp = RateCurve([RateCurve.Stretch(seconds: 10, from: 0, to: 100)])
        let due = times(Arrivals(ramp, .even))
        #expect(due.count == 500)
        for (number, time) in due.enumerated() {
            let expected = (Double(number) / 5).squareRoot()
            #expect(abs(time.seconds - expected) < 1e-8, "request \(number)")
        }
        // Downwards it is the same seen from the other end.
        let down = times(
            Arrivals(RateCurve([RateCurve.Stretch(seconds: 10, from: 100, to: 0)]), .even))
        #expect(abs(down[320].seconds - (10 - (Double(500 - 320) / 5).squareRoot())) < 1e-8)
    }

    @Test("of any curve, as many requests are due as its integral says, in order")
    func agreesWithTheIntegral() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let curve = curve(&random)
            let due = times(Arrivals(curve, .even))
            #expect(abs(Double(due.count) - curve.total) <= 1, "seed \(seed)")
            for place in due.indices.dropFirst() {
                #expect(due[place - 1] <= due[place], "seed \(seed)")
                let total = curve.total(by: due[place].seconds)
                #expect(abs(total - Double(place)) < 1e-3, "seed \(seed), request \(place)")
            }
        }
    }

    @Test("the threads' even requests together are those of one thread")
    func sharesAmongThreads() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for threads in 2...5 {
            let curve = curve(&random)
            let parts = (0..<threads).flatMap {
                times(Arrivals(curve, .even, thread: $0, of: threads))
            }
            #expect(parts.sorted() == times(Arrivals(curve, .even)), "seed \(seed)")
        }
    }

    @Test("Poisson requests have the mean and the spread of a Poisson process")
    func isPoisson() {
        let seed = UInt64.random(in: 0...UInt64.max)
        let curve = RateCurve(rate: 1000, seconds: 100)
        let due = (0..<2).flatMap {
            times(Arrivals(curve, .poisson, thread: $0, of: 2, seed: seed &+ UInt64($0)))
        }.sorted()
        // 100,000 ± 316; six of these is one seed in a thousand million.
        #expect(abs(due.count - 100_000) < 1900, "seed \(seed)")
        let gaps = zip(due, due.dropFirst()).map { ($1 - $0).seconds }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
        // An exponential's deviation is its mean; even requests would have none.
        #expect(abs(variance.squareRoot() / mean - 1) < 0.05, "seed \(seed)")
    }

    @Test("what is passed by a time is what was due by then")
    func passes() {
        let curve = RateCurve(rate: 500, seconds: 4)
        var arrivals = Arrivals(curve, .even)
        #expect(arrivals.pass(by: .milliseconds(-1)) == 0)
        #expect(arrivals.pass(by: .milliseconds(999)) == 500)
        #expect(arrivals.pass(by: .seconds(60)) == 1500)
        #expect(arrivals.due == nil)
    }

    @Test("a warm-up goes before the curve at its first rate; a length cuts or prolongs it")
    func changesLength() {
        let ramp = RateCurve([RateCurve.Stretch(seconds: 10, from: 100, to: 200)])
        #expect(ramp.after(warmUp: 5).total == 500 + ramp.total)
        #expect(ramp.lasting(5).rate(at: 5) == 150)
        #expect(ramp.lasting(5).seconds == 5)
        #expect(ramp.lasting(20).total == ramp.total + 2000)
        #expect(ramp.lasting(10) == ramp)
    }
}
