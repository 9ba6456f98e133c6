/// x to the power y for positive x: exp(y log x), from IEEE basic operations alone.
package func power(_ x: Double, _ y: Double) -> Double {
    exponential(y * naturalLogarithm(x))
}

/// e to the power x, from IEEE basic operations alone, so that every machine gives the same bits.
///
/// With x = k ln 2 + r and |r| <= ½ ln 2, the Taylor series of e^r is cut where its terms fall below
/// half a unit in the last place, then scaled by 2^k.
package func exponential(_ x: Double) -> Double {
    guard x > -745 else { return x.isNaN ? x : 0 }
    guard x < 709.8 else { return .infinity }
    let k = (x * 1.4426950408889634).rounded()
    let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
    var series = 1.0
    var divisor = 14.0
    while divisor >= 1 {
        series = 1 + series * r / divisor
        divisor -= 1
    }
    // Two factors, because 2^k alone leaves the range of doubles at both ends.
    let half = Int(k) / 2
    return series * Double(sign: .plus, exponent: half, significand: 1)
        * Double(sign: .plus, exponent: Int(k) - half, significand: 1)
}
