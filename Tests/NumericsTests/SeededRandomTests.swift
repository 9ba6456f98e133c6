import Foundation
import Numerics
import Testing

@Suite struct SeededRandomTests {
    @Test("the numbers are those of xoshiro256** with a state from SplitMix64")
    func followsReference() {
        // From an implementation of both algorithms in another language.
        let expected: [(seed: UInt64, numbers: [UInt64])] = [
            (
                0,
                [
                    0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A, 0x1A5F_849D_4933_E6E0,
                    0x6AA5_94F1_262D_2D2C,
                ]
            ),
            (
                42,
                [
                    0x1578_0B2E_0C2E_C716, 0x6104_D986_6D11_3A7E, 0xAE17_5332_39E4_99A1,
                    0xECB8_AD47_03B3_60A1,
                ]
            ),
        ]
        for (seed, numbers) in expected {
            var random = SeededRandom(seed: seed)
            for number in numbers { #expect(random.next() == number, "seed \(seed)") }
        }
    }

    @Test("a number below a bound takes each value equally often", arguments: [1, 2, 3, 7, 10])
    func isUniform(_ bound: Int) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var counts = Array(repeating: 0, count: bound)
        let draws = 100_000
        for _ in 0..<draws { counts[random.below(bound)] += 1 }
        // Six standard deviations of a binomial count.
        let mean = Double(draws) / Double(bound)
        let allowed = 6 * (mean * (1 - 1 / Double(bound))).squareRoot()
        for count in counts {
            #expect(abs(Double(count) - mean) <= allowed, "seed \(seed): \(counts)")
        }
    }

    @Test("a unit number is at least 0 and below 1")
    func staysInUnit() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let number = random.unit()
            #expect(number >= 0 && number < 1, "seed \(seed)")
        }
    }
}

@Suite struct PowerTests {
    @Test("a power agrees with the C library's to 1e-13 of its value")
    func agreesWithLibrary() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let (x, y) = (0.01 + 100 * random.unit(), 20 * random.unit() - 10)
            let expected = pow(x, y)
            #expect(abs(power(x, y) - expected) <= 1e-13 * expected, "seed \(seed): \(x), \(y)")
        }
        #expect(power(2, 0) == 1)
        #expect(power(1, 1000) == 1)
    }
}
