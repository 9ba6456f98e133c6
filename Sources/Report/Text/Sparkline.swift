/// Numbers as a row of bars, from 0 to the largest of them.
package func sparkline(_ values: [Double]) -> String {
    let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    let largest = values.filter(\.isFinite).max() ?? 0
    return String(
        values.map { value in
            guard largest > 0, value.isFinite, value > 0 else { return bars[0] }
            return bars[min(bars.count - 1, Int(value / largest * Double(bars.count)))]
        })
}
