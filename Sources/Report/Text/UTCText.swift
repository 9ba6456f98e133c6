/// A moment as `2026-11-25 13:05 UTC`.
///
/// The date is counted in 400-year cycles of the Gregorian calendar that begin on a 1 March, so
/// that the leap day is a year's last.
package func utcText(_ unixSeconds: Double) -> String {
    guard unixSeconds.isFinite, unixSeconds >= 0, unixSeconds < 1e11 else { return "–" }
    let minutes = Int(unixSeconds) / 60
    let days = minutes / 1440 + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let time = "\(two(minutes / 60 % 24)):\(two(minutes % 60)) UTC"
    return "\(year)-\(two(month))-\(two(day)) \(time)"
}
