import Foundation
import Numerics
import Testing

@Suite struct ElementaryTests {
    private let seed = UInt64.random(in: 0...UInt64.max)

    private func units(_ value: Double, _ expected: Double) -> Double {
        abs(value - expected) / expected.ulp
    }

    @Test("the logarithm is within two units of the C library's")
    func logarithm() {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let x = abs(Double(bitPattern: random.next()))
            guard x.isFinite, x > 0 else { continue }
            #expect(units(naturalLogarithm(x), log(x)) <= 2, "seed \(seed): \(x)")
        }
        for _ in 0..<100_000 {
            let x = 0.5 + random.unit()
            #expect(units(naturalLogarithm(x), log(x)) <= 2, "seed \(seed): \(x)")
        }
        #expect(naturalLogarithm(1) == 0)
        #expect(naturalLogarithm(0) == -.infinity)
        #expect(naturalLogarithm(-1).isNaN)
    }

    @Test("the exponential is within four units of the C library's")
    func exponentials() {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let x = random.unit() * 1400 - 700
            #expect(units(exponential(x), exp(x)) <= 4, "seed \(seed): \(x)")
        }
        #expect(exponential(0) == 1)
        #expect(exponential(1000) == .infinity)
        #expect(exponential(-1000) == 0)
    }

    @Test("the sine is right to 1e-12 over a thousand turns")
    func sines() {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let x = (random.unit() - 0.5) * 6283
            #expect(abs(sine(x) - sin(x)) < 1e-12, "seed \(seed): \(x)")
        }
    }

    @Test("gaussian numbers have mean 0 and deviation 1, and the same seed gives the same")
    func gaussians() {
        var random = SeededRandom(seed: 7)
        var again = SeededRandom(seed: 7)
        var sum = 0.0
        var squares = 0.0
        for _ in 0..<200_000 {
            let x = random.gaussian()
            #expect(x == again.gaussian())
            sum += x
            squares += x * x
        }
        #expect(abs(sum / 200_000) < 0.01)
        #expect(abs(squares / 200_000 - 1) < 0.02)
    }
}
