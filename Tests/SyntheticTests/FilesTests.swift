import Bytes
import Scoring
import Signals
import Testing

@testable import Synthetic

@Suite struct VerdictFileTests {
    private let series = LabelledSeries(
        name: "a", samples: [SignalSample(timestamp: 5, rps: 7.5, cpu: 1)], events: [])

    @Test("verdicts read back as they were written")
    func roundTrips() throws {
        var text = ByteBuffer(limit: 1000)
        text.append(VerdictFile.header)
        let judgment = Judgment(isAnomaly: true, alert: false, score: 8.25)
        VerdictFile.append(series, at: 0, judgment, to: &text)
        let bytes = Array(String(text.readable).utf8)
        #expect(String(text.readable).hasSuffix("\na,0,5,7.5,1,0,8.25\n"))
        #expect(try VerdictFile.parse(bytes) == ["a": [judgment]])
    }

    @Test(
        "a bad line is named",
        arguments: [
            "h\na,0,5,7,1,0", "h\na,1,5,7,1,0,8", "h\na,0,5,7,2,0,8", "h\na,0,5,7,1,0,nan",
            "h\na,x,5,7,1,0,8",
        ])
    func namesBadLines(_ text: String) {
        var message = ""
        do { _ = try VerdictFile.parse(Array(text.utf8)) } catch { message = "\(error)" }
        #expect(message.contains("line 2"), "\(message)")
    }
}

@Suite struct AnomalyWindowsTests {
    @Test("windows become events of the samples they cover")
    func labels() throws {
        let json = Array(
            #"{"f/x.csv":[["1970-01-01 00:00:10.000000","1970-01-01 00:00:20.000000"]],"f/y.csv":[]}"#
                .utf8)
        let windows = try AnomalyWindows.parse(json)
        let samples = (0..<6).map { SignalSample(timestamp: Double($0) * 5, rps: 1, cpu: 0) }
        var series = LabelledSeries(name: "x", samples: samples, events: [])
        windows.label(&series)
        #expect(series.events == [AnomalyEvent(start: 2, end: 5, kind: .labelled)])
        var other = LabelledSeries(name: "f/y", samples: samples, events: [])
        windows.label(&other)
        #expect(other.events.isEmpty)
    }

    @Test("what is no windows file is an error", arguments: ["", "[]", #"{"a":[["x","y"]]}"#, "{"])
    func refuses(_ text: String) {
        #expect(throws: CommandError.self) { _ = try AnomalyWindows.parse(Array(text.utf8)) }
    }
}

@Suite struct RepeatNoteTests {
    private func note(_ text: String) -> RepeatNote { RepeatNote(Array(text.utf8).span) }

    @Test("the note of a repeat is found at the top of an answer, and nowhere else")
    func reads() {
        let full = note(#"{"a":[{"duplicate":true}], "duplicates": 7 , "duplicate" : true}"#)
        #expect(full.isRepeat && full.duplicates == 7)
        for text in [
            "", "[]", "{}", "{", #"{"duplicate":false}"#, #"{"verdict":{"duplicate":true}}"#,
            #"{"duplicate":"true"}"#, #"{"duplicates":-1}"#, #"{"duplicates":"x","duplicate":1}"#,
        ] {
            #expect(!note(text).isRepeat && note(text).duplicates == nil, "\(text)")
        }
    }
}
