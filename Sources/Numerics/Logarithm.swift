/// The natural logarithm, from IEEE basic operations alone: the same bits on every machine, which a
/// C library's `log` does not promise. Replicas of one series must agree bit for bit.
///
/// With x = m · 2^k and m in [√½, √2), log m = 2 artanh s for s = (m − 1)/(m + 1), |s| < 0.172, whose
/// series Σ s^(2i+1)/(2i+1) is cut where its terms fall below half a unit in the last place.
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
    var series = 0.0
    var divisor = 23.0
    while divisor > 1 {
        series = (series + 1 / divisor) * square
        divisor -= 2
    }
    // ln 2 in two parts; the first has zeros at its end, so that its product with k is exact.
    let ln2High = 0x1.62e42feep-1
    let ln2Low = 0x1.a39ef35793c76p-33
    return exponent * ln2High + (2 * s + (2 * s * series + exponent * ln2Low))
}
