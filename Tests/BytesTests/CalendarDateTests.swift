import Bytes
import Testing

@Suite struct CalendarDateTests {
    @Test("days and dates lead to each other, one day after the other, through several eras")
    func goesAround() throws {
        var previous = CalendarDate(daysSince1970: -1_000_001)
        for days in -1_000_000...1_000_000 {
            let date = CalendarDate(daysSince1970: days)
            guard date.daysSince1970 == days,
                CalendarDate(year: date.year, month: date.month, day: date.day) == date
            else { throw Failed(days: days) }
            let isNext =
                date.day == previous.day + 1 && date.month == previous.month
                || date.day == 1 && (date.month == previous.month + 1 || date.month == 1)
            guard isNext else { throw Failed(days: days) }
            previous = date
        }
    }

    private struct Failed: Error { let days: Int }

    @Test("known days")
    func knowsDays() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0), (2000, 2, 29, 11_016), (2000, 3, 1, 11_017), (1969, 12, 31, -1),
            (2026, 11, 26, 20_783), (1600, 2, 29, -135_081),
        ] {
            #expect(CalendarDate(year: year, month: month, day: day)?.daysSince1970 == days)
        }
        for (year, month, day) in [
            (1900, 2, 29), (2023, 2, 29), (2023, 4, 31), (2023, 13, 1), (2023, 1, 0),
        ] {
            #expect(CalendarDate(year: year, month: month, day: day) == nil)
        }
    }
}
