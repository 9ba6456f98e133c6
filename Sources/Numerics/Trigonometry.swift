/// The sine, from IEEE basic operations alone: the same bits on every machine.
///
/// The argument is folded into ±π/2, where the Taylor series is cut below half a unit in the last
/// place. Meant for phases of a few thousand turns at most; beyond that the folding loses digits.
package func sine(_ x: Double) -> Double {
    let turns = (x / (2 * Double.pi)).rounded()
    var angle = x - turns * (2 * Double.pi)
    if angle > Double.pi / 2 { angle = Double.pi - angle }
    if angle < -Double.pi / 2 { angle = -Double.pi - angle }
    let square = angle * angle
    var series = 1.0
    var order = 22.0
    while order >= 2 {
        series = 1 - series * square / (order * (order + 1))
        order -= 2
    }
    return angle * series
}

extension SeededRandom {
    /// Standard normal, by Marsaglia's polar method (1964).
    package mutating func gaussian() -> Double {
        while true {
            let u = 2 * unit() - 1
            let v = 2 * unit() - 1
            let square = u * u + v * v
            if square > 0, square < 1 {
                return u * (-2 * naturalLogarithm(square) / square).squareRoot()
            }
        }
    }
}
