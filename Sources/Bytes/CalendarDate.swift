/// A date of the Gregorian calendar, also of the time before there was one.
///
/// The calendar repeats every 400 years, an era. Days are counted from a 1 March, so that the leap
/// day is the last day of its year.
package struct CalendarDate: Equatable, Sendable {
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int

    private static let daysOfEra = 146_097
    /// Days from 1 March of the year 0 to 1970-01-01.
    private static let daysBefore1970 = 719_468

    /// nil where there is no such day.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= CalendarDate.days(of: month, in: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    package init(daysSince1970 days: Int) {
        let shifted = days + CalendarDate.daysBefore1970
        let era = CalendarDate.era(of: shifted, length: CalendarDate.daysOfEra)
        let dayOfEra = shifted - era * CalendarDate.daysOfEra
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = CalendarDate.era(of: shiftedYear, length: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * CalendarDate.daysOfEra + dayOfEra - CalendarDate.daysBefore1970
    }

    private static func era(of value: Int, length: Int) -> Int {
        (value >= 0 ? value : value - length + 1) / length
    }

    private static func days(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
