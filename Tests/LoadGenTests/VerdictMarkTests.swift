import Testing

@testable import LoadGen

@Suite struct VerdictMarkTests {
    private func isIn(_ mark: inout VerdictMark, _ text: String) -> Bool {
        mark.isIn(Array(text.utf8).span)
    }

    @Test("a verdict is found wherever it stands, time after time")
    func findsVerdicts() {
        var mark = VerdictMark(isBatch: false)
        for padding in [0, 3, 20, 400, 401, 380, 0, 5000, 1] {
            let text = #"{"a":"\#(String(repeating: "x", count: padding))","is_anomaly":true}"#
            #expect(isIn(&mark, text), "\(padding)")
        }
        #expect(isIn(&mark, #"{"duplicate":true}"#))
    }

    @Test(
        "what holds none is told",
        arguments: [
            "", "{", "{}", "[]", #""is_anomaly":"#, #"{"is_anomal":1}"#, #"{"is_anomaly""#,
            #"{"accepted":3}"#, "<html>",
        ])
    func findsNone(_ text: String) {
        var mark = VerdictMark(isBatch: false)
        #expect(!isIn(&mark, text))
        #expect(isIn(&mark, #"{"is_anomaly":false}"#))
        #expect(!isIn(&mark, text))
    }

    @Test("a batch is told by its counts")
    func findsCounts() {
        var mark = VerdictMark(isBatch: true)
        #expect(isIn(&mark, #"{"status":"accepted","accepted":3}"#))
        #expect(!isIn(&mark, #"{"status":"accepted"}"#))
    }
}
