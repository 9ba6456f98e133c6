import Bytes
import Detection
import System
import Testing

@testable import SeriesLog

@Suite struct SeriesTableTests {
    @Test("a fold that is replaced gives its memory back")
    func replacesFolds() {
        let parameters = FoldParameters()
        var table = SeriesTable(parameters)
        let name = Array("a".utf8)
        let index = table.insert(name.span, hash: 1, now: .zero)
        func grown() -> Int {
            let before = ProcessUsage.read().residentBytes
            for _ in 0..<100_000 { table.replaceFold(of: index, with: SeriesFold(parameters)) }
            return ProcessUsage.read().residentBytes - before
        }
        _ = grown()
        // Each holds a window of 800 bytes; all of them together 80 MB.
        #expect(grown() < 20_000_000)
    }
}
