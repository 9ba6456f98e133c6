import Bytes
import Detection
import SeriesLog
import Testing
import Wire

@testable import Store

@Suite struct IncidentBookTests {
    private func event(
        _ sequence: Int, incident: Int, device: String, arrival: Int, alert: Bool = true,
        ending: IncidentEnding = .none
    ) -> IncidentEvent {
        var verdict = Verdict()
        verdict.sequence = sequence
        verdict.incident = incident
        verdict.life = 2
        verdict.alert = alert
        verdict.score = 9
        verdict.reason = .spike
        verdict.ending = ending
        return IncidentEvent(
            device: Array(device.utf8),
            sample: Sample(timestamp: Double(arrival / 1000), cpu: 1, rps: 5), verdict: verdict,
            arrival: arrival)
    }

    private let start = 1_700_000_000_000

    @Test("a page looks at so many, and says where to go on, whatever the filter leaves out")
    func pages() throws {
        let book = IncidentBook(keepsChanges: false, timeToLive: .seconds(86_400))
        for number in 0..<25_000 {
            let name = number % 5_000 == 7 ? "rare" : "d\(number)"
            book.take(
                event(50 + number, incident: 50 + number, device: name, arrival: start + number))
        }
        var filter = IncidentFilter()
        filter.device = Array("rare".utf8)
        var found: [Int] = []
        var pages = 0
        while let page = book.page(filter) {
            pages += 1
            found += page.incidents.map(\.id.sequence)
            guard let next = page.next else { break }
            filter.after = next
        }
        #expect(found == [20_057, 15_057, 10_057, 5_057, 57])
        #expect(pages == 3)
        filter.after = IncidentID(life: 1, sequence: 1, device: [])
        #expect(book.page(filter) == nil)
    }

    @Test("the oldest closed ones go first, and what is older than 30 days")
    func forgets() {
        let book = IncidentBook(keepsChanges: false, timeToLive: .seconds(86_400))
        book.take(event(1, incident: 1, device: "open", arrival: start))
        for number in 0..<IncidentBook.limit + 10 {
            let name = "d\(number)"
            book.take(event(5, incident: 5, device: name, arrival: start + 1 + number))
            book.take(
                event(
                    9, incident: 5, device: name, arrival: start + 1 + number, alert: false,
                    ending: .calm))
        }
        func has(_ sequence: Int, _ device: String) -> Bool {
            book.find(IncidentID(life: 2, sequence: sequence, device: Array(device.utf8))) != nil
        }
        #expect(has(1, "open") && !has(5, "d0") && !has(5, "d10") && has(5, "d11"))
        #expect(book.openCount == 1)
        book.take(
            event(7, incident: 7, device: "late", arrival: start + IncidentBook.keptFor + 60_000))
        #expect(!has(1, "open") && has(7, "late") && !has(5, "d20") && has(5, "d70000"))
    }

    @Test("a series has one incident at a time, and none after an hour of silence")
    func endsInSilence() {
        let book = IncidentBook(keepsChanges: true, timeToLive: .seconds(86_400))
        book.take(event(5, incident: 5, device: "a", arrival: start))
        book.take(event(90, incident: 90, device: "a", arrival: start + 9_000_000))
        book.take(event(5, incident: 5, device: "b", arrival: start))
        let first = book.find(IncidentID(life: 2, sequence: 5, device: [0x61]))
        #expect(first?.ending == .silence)
        #expect(book.openCount == 2)
        // The series of b is not known here, and its incident is old.
        book.endSilent(now: start + 9_100_000) { $0 == [0x61] ? start + 9_000_000 : nil }
        #expect(book.openCount == 1)
        let other = book.find(IncidentID(life: 2, sequence: 5, device: [0x62]))
        #expect(other?.ending == .silence)
        #expect(book.hasChanged && book.takeChanged().count == 3 && !book.hasChanged)
    }

    @Test("SERIES_TTL is a silence too, where it is less than an hour")
    func endsWithItsSeries() {
        let book = IncidentBook(keepsChanges: false, timeToLive: .seconds(60))
        book.take(event(5, incident: 5, device: "a", arrival: start))
        book.endSilent(now: start + 60_000) { _ in start }
        #expect(book.openCount == 1)
        book.endSilent(now: start + 60_001) { _ in start }
        #expect(book.openCount == 0)
    }

    @Test("of two that seem open the older one has ended, whichever was heard of first")
    func endsTheOlder() {
        let older = event(5, incident: 5, device: "a", arrival: start)
        let newer = event(90, incident: 90, device: "a", arrival: start + 9_000_000)
        for events in [[older, newer], [newer, older]] {
            let told = IncidentBook(keepsChanges: false, timeToLive: .seconds(86_400))
            let heard = IncidentBook(keepsChanges: false, timeToLive: .seconds(86_400))
            for event in events {
                told.take(event)
                heard.merge(
                    Incident(
                        event.verdict, of: event.sample, device: event.device,
                        arrival: event.arrival))
            }
            for book in [told, heard] {
                func isOpen(_ sequence: Int) -> Bool? {
                    book.find(IncidentID(life: 2, sequence: sequence, device: [0x61]))?.isOpen
                }
                #expect(book.openCount == 1 && isOpen(5) == false && isOpen(90) == true)
            }
        }
    }

    @Test("all open incidents are looked at for silence, some at a time")
    func looksAtAll() {
        let book = IncidentBook(keepsChanges: false, timeToLive: .seconds(86_400))
        for number in 0..<2_500 {
            book.take(event(5, incident: 5, device: "d\(number)", arrival: start))
        }
        var looks = 0
        for _ in 0..<3 {
            book.endSilent(now: start) { _ in
                looks += 1
                return start
            }
        }
        #expect(looks == 2_500)
        // What is not known yet is no silence.
        for _ in 0..<3 { book.endSilent(now: start + 3_600_000) { _ in nil } }
        #expect(book.openCount == 2_500)
        for _ in 0..<3 { book.endSilent(now: start + 3_600_001) { _ in nil } }
        #expect(book.openCount == 0)
    }
}
