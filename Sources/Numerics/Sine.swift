/// The sine, by basic operations of IEEE 754 only, so that every machine returns the same bits.
///
/// The argument is reduced to ±π/2. There the Taylor series ends where its terms are below half a
/// unit in the last place. Use it for a few thousand turns at most; beyond that the reduction loses
/// digits.
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
