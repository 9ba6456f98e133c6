import Bytes
import Foundation
import Numerics
import Testing

private func quoted(_ bytes: [UInt8], limit: Int = 4096) -> [UInt8] {
    var buffer = ByteBuffer(limit: limit)
    buffer.append(jsonString: bytes.span)
    let held = buffer.readable
    return held.indices.map { held[$0] }
}

private func decoded(_ document: String) throws(JSONError) -> String {
    let bytes = Array(document.utf8)
    var cursor = JSONCursor(bytes.span)
    let text = try cursor.string()
    var output = ByteBuffer(limit: 4096)
    cursor.decode(text, into: &output)
    return String(output.readable)
}

@Suite struct JSONTextTests {
    @Test("a random text is written so that this reader and Foundation's read it back")
    func readsBack() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let ranges: [ClosedRange<UInt32>] = [
            0...0x1F, 0x20...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF,
            0x10000...0x10FFFF,
        ]
        for _ in 0..<2000 {
            var original = String.UnicodeScalarView()
            for _ in 0..<random.below(12) {
                let range = ranges[random.below(ranges.count)]
                let code = range.lowerBound + UInt32(random.below(range.count))
                if let scalar = Unicode.Scalar(code) { original.append(scalar) }
            }
            let text = String(original)
            let document = quoted(Array(text.utf8))
            #expect(try decoded(String(decoding: document, as: UTF8.self)) == text, "seed \(seed)")
            // Foundation drops U+FEFF at a string's start and behind an escape, as a byte order
            // mark.
            if original.contains("\u{FEFF}") { continue }
            let theirs = try JSONSerialization.jsonObject(
                with: Data(document), options: [.fragmentsAllowed])
            #expect(theirs as? String == text, "seed \(seed)")
        }
    }

    @Test("each control character is escaped, in the short form where JSON has one")
    func escapesControls() {
        let short: [UInt8: String] = [8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"]
        for code in UInt8(0)..<0x20 {
            let long = String(format: "\\u%04x", Int(code))
            #expect(quoted([code]) == Array("\"\(short[code] ?? long)\"".utf8), "\(code)")
        }
        #expect(quoted([0x7F]) == [0x22, 0x7F, 0x22], "DEL needs no escape")
        #expect(quoted([]) == [0x22, 0x22])
    }

    @Test(
        "escapes become the characters they stand for",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u00E9""#, "Aéé"),
            (#""\ud83d\ude00\uD834\uDD1E""#, "😀𝄞"), (#""\u0000""#, "\0"), (#""a\u002Fb""#, "a/b"),
            (#""\uffff\ue000\ud7ff""#, "\u{FFFF}\u{E000}\u{D7FF}"), (#""""#, ""),
            (#""\udbff\udfff""#, "\u{10FFFF}"),
        ])
    func decodes(_ document: String, _ text: String) throws {
        #expect(try decoded(document) == text)
    }

    @Test(
        "half a surrogate pair is refused",
        arguments: [
            #""\ud83d""#, #""\ud83dx""#, #""\ud83d\n""#, #""\ud83d\u0041""#, #""\ud83d\ud83d""#,
            #""\ude00\ud83d""#, #""\ud83d\u""#, #""\ud83d\ude0""#,
        ])
    func refusesHalfPairs(_ document: String) {
        #expect(throws: JSONError.self) { _ = try decoded(document) }
    }

    @Test("a field's name matches whole, with or without escapes")
    func matchesNames() throws {
        let cases: [(String, Bool)] = [
            (#""rps""#, true), (#""\u0072\u0070\u0073""#, true), (#""rp""#, false), (#""""#, false),
            (#""rpss""#, false), (#""rp\u0073s""#, false), (#""rp\n""#, false), (#""RPS""#, false),
        ]
        for (document, isMatch) in cases {
            let bytes = Array(document.utf8)
            var cursor = JSONCursor(bytes.span)
            let matches = cursor.matches(try cursor.string(), "rps")
            #expect(matches == isMatch, "\(document)")
        }
    }
}

@Suite struct UTF8Tests {
    @Test(
        "a sequence of one to four bytes is well formed exactly when the standard library says so")
    func agreesWithTheStandardLibrary() {
        // Every lead byte with second bytes on both sides of each border, and good or bad tails.
        let seconds: [UInt8] = [0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        let tails: [[UInt8]] = [
            [0x80, 0x80], [0xBF, 0xBF], [0x80, 0x41], [0x41, 0x80], [0x80], [],
        ]
        for first in UInt8.min...UInt8.max {
            for second in seconds {
                for tail in tails {
                    let bytes = [first, second] + tail
                    let length = utf8SequenceLength(bytes.span, at: 0)
                    let expected = (1...4).first { isOneScalar(bytes.prefix($0)) }
                    #expect(length == expected, "\(bytes)")
                }
            }
        }
    }

    @Test("a sequence is not read past the end")
    func stopsAtTheEnd() {
        let bytes = Array("a😀".utf8)
        #expect(utf8SequenceLength(bytes.span, at: 1) == 4)
        for length in 1..<bytes.count {
            let cut = Array(bytes[..<length])
            #expect(utf8SequenceLength(cut.span, at: 1) == nil)
        }
        #expect(utf8SequenceLength(bytes.span, at: 5) == nil)
    }

    private func isOneScalar(_ bytes: ArraySlice<UInt8>) -> Bool {
        String(validating: bytes, as: UTF8.self)?.unicodeScalars.count == 1
    }
}
