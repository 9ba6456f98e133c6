internal import Bytes

/// A moment as `2026-11-25 13:05 UTC`.
package func utcText(_ unixSeconds: Double) -> String {
    guard unixSeconds.isFinite, unixSeconds >= 0, unixSeconds < 1e11 else { return "–" }
    let minutes = Int(unixSeconds) / 60
    let date = CalendarDate(daysSince1970: minutes / 1440)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let time = "\(two(minutes / 60 % 24)):\(two(minutes % 60)) UTC"
    return "\(date.year)-\(two(date.month))-\(two(date.day)) \(time)"
}
