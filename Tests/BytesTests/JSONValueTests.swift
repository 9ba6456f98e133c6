import Bytes
import Foundation
import Numerics
import Testing

private func read(_ bytes: [UInt8]) -> JSONValue? {
    var cursor = JSONCursor(bytes.span)
    do throws(JSONError) {
        let value = try build(&cursor)
        try cursor.expectEnd()
        return value
    } catch {
        return nil
    }
}

private func accepts(_ bytes: [UInt8]) -> Bool {
    var cursor = JSONCursor(bytes.span)
    do throws(JSONError) {
        try cursor.skipValue()
        try cursor.expectEnd()
        return true
    } catch {
        return false
    }
}

private func foundation(_ bytes: [UInt8]) -> JSONValue? {
    (try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed]))
        .map(JSONValue.init)
}

/// Random documents of the forms on which parsers differ most.
private struct DocumentMaker {
    var random: SeededRandom

    mutating func value(_ depth: Int) -> String {
        switch random.below(depth > 5 ? 4 : 7) {
        case 0: return ["null", "true", "false"][random.below(3)]
        case 1: return number()
        case 2, 3: return string()
        case 4:
            return "[" + items { $0.value(depth + 1) } + "]"
        default:
            var index = 0
            let members = items { maker in
                index += 1
                return "\"\(index)\(maker.stringContent())\":\(maker.value(depth + 1))"
            }
            return "{" + members + "}"
        }
    }

    private mutating func items(_ make: (inout DocumentMaker) -> String) -> String {
        var made: [String] = []
        for _ in 0..<random.below(5) { made.append(blank() + make(&self) + blank()) }
        return made.joined(separator: ",")
    }

    private mutating func blank() -> String { ["", "", " ", "\n", "\t\r\n"][random.below(5)] }

    private mutating func number() -> String {
        switch random.below(4) {
        case 0: return "\(random.below(2000) - 1000)"
        case 1: return "\((random.unit() - 0.5) * 1e9)"
        case 2: return "\(random.below(1000)).\(random.below(1000))e\(random.below(60) - 30)"
        default: return ["0", "-0", "0.0", "1E5", "1e+5", "1e-05"][random.below(6)]
        }
    }

    private mutating func string() -> String { "\"" + stringContent() + "\"" }

    mutating func stringContent() -> String {
        let parts = [
            "a", "é", "ж", "日", "😀", "\\n", "\\/", "\\b", "\\f", "\\r", "\\t", "\\\\", "\\\"",
            "\\u00e9", "\\u0041", "\\u2028", "\\uD83D\\uDE00", "\\ud834\\udd1e", "/", "\u{7f}", " ",
        ]
        return (0..<random.below(5)).map { _ in parts[random.below(parts.count)] }.joined()
    }
}

@Suite struct JSONValueTests {
    @Test("a document's values are those that Foundation reads, strings and numbers included")
    func agreesOnValues() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var maker = DocumentMaker(random: SeededRandom(seed: seed))
        for _ in 0..<3000 {
            let document = maker.value(0)
            let bytes = Array(document.utf8)
            let expected = foundation(bytes)
            #expect(expected != nil, "seed \(seed): \(document)")
            #expect(read(bytes) == expected, "seed \(seed): \(document)")
            #expect(accepts(bytes), "seed \(seed): \(document)")
        }
    }

    @Test("skipping a value checks all that reading it checks, on mutated documents")
    func skipsAsItReads() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var maker = DocumentMaker(random: SeededRandom(seed: seed))
        var random = SeededRandom(seed: seed ^ 0x5EED)
        var refused = 0
        for _ in 0..<6000 {
            var bytes = Array(maker.value(0).utf8)
            mutate(&bytes, &random)
            // By design only a number that is read, not a skipped one, must fit a double.
            if hasLongExponent(bytes) { continue }
            let isRead = read(bytes) != nil
            if !isRead { refused += 1 }
            #expect(accepts(bytes) == isRead, "seed \(seed): \(bytes)")
        }
        #expect(refused > 1000, "the mutations must break some documents")
    }

    @Test("mutated documents are refused where Foundation refuses them, and read alike elsewhere")
    func agreesOnMutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var maker = DocumentMaker(random: SeededRandom(seed: seed))
        var random = SeededRandom(seed: seed ^ 0xFA11)
        var refused = 0
        for _ in 0..<6000 {
            var bytes = Array(maker.value(0).utf8)
            mutate(&bytes, &random)
            // Foundation reads a document that starts with zero bytes as UTF-16 or UTF-32. It has
            // other rules for large exponents, and it accepts a comma before the end.
            if hasLongExponent(bytes) || hasTrailingComma(bytes) { continue }
            if bytes.prefix(4).contains(0) || bytes.starts(with: [0xEF, 0xBB, 0xBF]) { continue }
            let expected = foundation(bytes)
            if expected == nil { refused += 1 }
            let shown = String(decoding: bytes, as: UTF8.self)
            #expect(read(bytes) == expected, "seed \(seed): \(shown)")
        }
        #expect(refused > 1000, "the mutations must break some documents")
    }

    /// Whether an `e` is followed by three digits or more.
    private func hasLongExponent(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.range(of: "[eE][+-]?[0-9]{3}", options: .regularExpression) != nil
    }

    private func hasTrailingComma(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.range(of: "[,][ \\n\\r\\t]*[\\]}]", options: .regularExpression) != nil
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        let marks =
            Array("{}[]\",:0123456789.eE+-\\/ntfu \u{1}\u{0}\u{7f}".utf8) + [0x80, 0xC3, 0xFF]
        for _ in 0...random.below(2) {
            let place = random.below(bytes.count + 1)
            switch random.below(3) {
            case 0 where place < bytes.count: bytes[place] = marks[random.below(marks.count)]
            case 1 where place < bytes.count: bytes.remove(at: place)
            default: bytes.insert(marks[random.below(marks.count)], at: place)
            }
        }
    }

    @Test("a document cut anywhere is refused, and never read past its end")
    func refusesCuts() {
        let document = Array(#"{"a":[1.5e+3,"\ud83d\ude00é😀",true],"b":{"c":null,"d":-0.25}}"#.utf8)
        #expect(accepts(document))
        for length in 0..<document.count {
            #expect(!accepts(Array(document[..<length])), "cut at \(length)")
            #expect(read(Array(document[..<length])) == nil, "cut at \(length)")
        }
    }

    @Test("the error names the byte at which the document goes wrong")
    func placesErrors() {
        let cases: [(String, JSONError.Problem, Int)] = [
            (#"{"a":1,}"#, .unexpectedByte, 7), ("[1 2]", .unexpectedByte, 3),
            ("[1] 2", .trailingBytes, 4), ("\"a\u{1}\"", .controlInString, 2),
            (#""ab\x""#, .badEscape, 3), (#"["\u12G4"]"#, .badEscape, 2),
            ("tru", .unexpectedEnd, 3),
            (#""\ud800x""#, .badEscape, 1), ("[1", .unexpectedEnd, 2), ("nulL", .unexpectedByte, 3),
        ]
        for (document, problem, offset) in cases {
            let bytes = Array(document.utf8)
            var cursor = JSONCursor(bytes.span)
            var found: JSONError?
            do throws(JSONError) {
                try cursor.skipValue()
                try cursor.expectEnd()
            } catch { found = error }
            #expect(found?.problem == problem, "\(document)")
            #expect(found?.offset == offset, "\(document)")
        }
    }
}
