internal import Numerics

/// Student's t distribution: how far a mean of few values may be from the truth.
struct StudentT {
    let degreesOfFreedom: Double

    init(degreesOfFreedom: Double) {
        precondition(degreesOfFreedom > 0, "a variance of no values says nothing")
        self.degreesOfFreedom = degreesOfFreedom
    }

    /// The probability of a value beyond ±t: I(ν / (ν + t²); ν/2, ½), the regularised incomplete
    /// beta function (Abramowitz and Stegun, 26.5.27).
    func bothTails(_ t: Double) -> Double {
        guard t.isFinite else { return 0 }
        return incompleteBeta(
            degreesOfFreedom / (degreesOfFreedom + t * t), a: degreesOfFreedom / 2, b: 0.5)
    }

    /// The t beyond which, on both sides together, lies the given probability; found by bisection.
    func criticalValue(bothTails probability: Double) -> Double {
        precondition(probability > 0 && probability < 1, "a probability")
        var low = 0.0
        var high = 1.0
        while bothTails(high) > probability, high < 1e12 { high *= 2 }
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if bothTails(middle) > probability { low = middle } else { high = middle }
        }
        return high
    }
}

/// The regularised incomplete beta function by its continued fraction (Abramowitz and Stegun,
/// 26.5.8), evaluated by Lentz's method.
private func incompleteBeta(_ x: Double, a: Double, b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast on one side of the mean; the other follows by symmetry.
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, a: b, b: a) }
    let front =
        logGamma(a + b) - logGamma(a) - logGamma(b) + a * naturalLogarithm(x)
        + b * naturalLogarithm(1 - x)
    return exponential(front) / a * betaFraction(x, a: a, b: b)
}

private func betaFraction(_ x: Double, a: Double, b: Double) -> Double {
    let tiny = 1e-300
    var c = 1.0
    var d = 1 / away(from: tiny, 1 - (a + b) * x / (a + 1))
    var fraction = d
    for step in 1...500 {
        let m = Double(step)
        let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / away(from: tiny, 1 + even * d)
        c = away(from: tiny, 1 + even / c)
        fraction *= d * c
        let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / away(from: tiny, 1 + odd * d)
        c = away(from: tiny, 1 + odd / c)
        let change = d * c
        fraction *= change
        if abs(change - 1) < 1e-15 { break }
    }
    return fraction
}

private func away(from tiny: Double, _ value: Double) -> Double {
    abs(value) < tiny ? tiny : value
}

/// ln Γ(x) for x > 0: Stirling's series (Abramowitz and Stegun, 6.1.41) at x + n ≥ 12, and back by
/// Γ(x + 1) = x Γ(x).
func logGamma(_ x: Double) -> Double {
    var shifted = x
    var product = 1.0
    while shifted < 12 {
        product *= shifted
        shifted += 1
    }
    let inverse = 1 / shifted
    let square = inverse * inverse
    let series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)))
    let halfLogTwoPi = 0.918_938_533_204_672_8
    return (shifted - 0.5) * naturalLogarithm(shifted) - shifted + halfLogTwoPi + series
        - naturalLogarithm(product)
}
