/// The natural logarithm, by basic operations of IEEE 754 only. So every machine returns the same
/// bits, which the `log` of a C library does not promise. Replicas of a series must agree bit for
/// bit.
///
/// x = m · 2^k with m in [√½, √2). log m = 2 artanh s with s = (m − 1)/(m + 1) and |s| < 0.172. The
/// series of artanh, Σ s^(2i+1)/(2i+1), ends where its terms are below half a unit in the last
/// place. Odd and even terms have separate sums, which halves the chain of dependent operations.
///
/// - Returns: −∞ for 0, NaN below 0, as C's `log` does.
package func naturalLogarithm(_ x: Double) -> Double {
    guard x > 0 else { return x == 0 ? -.infinity : .nan }
    guard x < .infinity else { return x }
    var exponent = Double(x.exponent)
    var mantissa = x.significand
    if mantissa > 1.4142135623730951 {
        mantissa *= 0.5
        exponent += 1
    }
    let s = (mantissa - 1) / (mantissa + 1)
    let square = s * s
    let fourth = square * square
    let even =
        1.0 / 5 + fourth
        * (1.0 / 9 + fourth * (1.0 / 13 + fourth * (1.0 / 17 + fourth * (1.0 / 21))))
    let odd =
        1.0 / 3 + fourth
        * (1.0 / 7 + fourth * (1.0 / 11 + fourth * (1.0 / 15 + fourth * (1.0 / 19))))
    let series = square * odd + fourth * even
    // ln 2 in two parts. The first one ends in zero bits, so that its product with k is exact.
    let ln2High = 0x1.62e42feep-1
    let ln2Low = 0x1.a39ef35793c76p-33
    return exponent * ln2High + (2 * s + (2 * s * series + exponent * ln2Low))
}
