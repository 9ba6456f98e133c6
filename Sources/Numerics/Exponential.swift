/// x to the power y for positive x: exp(y log x), by basic operations of IEEE 754 only.
package func power(_ x: Double, _ y: Double) -> Double {
    exponential(y * naturalLogarithm(x))
}

/// e to the power x, by basic operations of IEEE 754 only, so that every machine returns the same
/// bits.
///
/// x = k ln 2 + r with |r| <= ½ ln 2. The Taylor series of e^r ends where its terms are below half
/// a unit in the last place. The sum is then scaled by 2^k.
package func exponential(_ x: Double) -> Double {
    guard x > -745 else { return x.isNaN ? x : 0 }
    guard x < 709.8 else { return .infinity }
    let k = (x * 1.4426950408889634).rounded()
    let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
    let series = 1 + (r + r * r * exponentialTail(r))
    // Two factors, because 2^k alone may be outside the range of doubles.
    let half = Int(k) / 2
    return series * Double(sign: .plus, exponent: half, significand: 1)
        * Double(sign: .plus, exponent: Int(k) - half, significand: 1)
}

/// (e^r - 1 - r) / r² as Σ r^i / (i + 2)!. Even and odd terms have separate sums, which halves the
/// chain of dependent operations.
private func exponentialTail(_ r: Double) -> Double {
    let square = r * r
    let even =
        1.0 / 2 + square
        * (1.0 / 24 + square
            * (1.0 / 720 + square
                * (1.0 / 40_320 + square * (1.0 / 3_628_800 + square * (1.0 / 479_001_600)))))
    let odd =
        1.0 / 6 + square
        * (1.0 / 120 + square
            * (1.0 / 5040 + square
                * (1.0 / 362_880 + square * (1.0 / 39_916_800 + square * (1.0 / 6_227_020_800)))))
    return even + r * odd
}
