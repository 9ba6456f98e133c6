import Numerics

/// Ways for a series to be unkind to sums that slide.
enum Regime: CaseIterable {
    case plain, counts, zeros, nearConstant, plateaus, levelShifts, wideRange
    case hugeSpikes, spikeEachWindow, fallingCascade, subnormal, astronomical

    /// A series of `count` values, none negative.
    func series(_ count: Int, windowSize: Int, _ random: inout SeededRandom) -> [Double] {
        var values: [Double] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            values.append(max(0, value(index, windowSize: windowSize, &random)))
        }
        return values
    }

    private func value(_ index: Int, windowSize: Int, _ random: inout SeededRandom) -> Double {
        switch self {
        case .plain: 400 + 10 * random.gaussian()
        case .counts: Double(random.below(4))
        case .zeros: random.below(10) == 0 ? random.unit() : 0
        case .nearConstant: 1e6 + 1e-3 * random.unit()
        // Constant for longer than a window, then another constant: the spread must be exactly 0.
        case .plateaus: 0.1 * Double(1 + index / (2 * windowSize + 1) % 9)
        case .levelShifts: Double(1 + index / 90 % 7) * 1e6 + random.unit()
        case .wideRange: Double(sign: .plus, exponent: random.below(80) - 40, significand: 1)
        case .hugeSpikes: random.below(70) == 0 ? 1e14 * random.unit() : 5 + random.unit()
        // One spike leaves just when the next comes, so the spread never falls.
        case .spikeEachWindow: index % windowSize == 0 ? 1e9 : 5 + random.unit()
        // Each value that leaves was all of the spread.
        case .fallingCascade: tenth(toThe: index % 40) * 1e20 * (1 + random.unit())
        case .subnormal: .leastNonzeroMagnitude * Double(random.below(1_000_000))
        case .astronomical: random.below(30) == 0 ? .greatestFiniteMagnitude : 1e140 * random.unit()
        }
    }

    private func tenth(toThe power: Int) -> Double {
        var product = 1.0
        for _ in 0..<power { product /= 10 }
        return product
    }
}
