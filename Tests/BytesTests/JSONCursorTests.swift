import Bytes
import Foundation
import Numerics
import Testing

/// Whether the cursor accepts the bytes as one JSON document.
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

private func foundationAccepts(_ bytes: [UInt8]) -> Bool {
    let options: JSONSerialization.ReadingOptions = [.fragmentsAllowed]
    return (try? JSONSerialization.jsonObject(with: Data(bytes), options: options)) != nil
}

/// Random JSON documents.
private struct DocumentMaker {
    var random: SeededRandom

    mutating func value(_ depth: Int) -> String {
        switch random.below(depth > 4 ? 5 : 7) {
        case 0: return "null"
        case 1: return random.below(2) == 0 ? "true" : "false"
        case 2: return number()
        case 3, 4: return string()
        case 5:
            let items = (0..<random.below(4)).map { _ in value(depth + 1) }
            return "[" + items.joined(separator: blank() + ",") + blank() + "]"
        default:
            // Distinct names, because the grammar does not define equal ones.
            let items = (0..<random.below(4)).map {
                "\"k\($0)\"" + blank() + ":" + value(depth + 1)
            }
            return "{" + blank() + items.joined(separator: ",") + "}"
        }
    }

    private mutating func blank() -> String {
        ["", " ", "\n", "\t\r"][random.below(4)]
    }

    private mutating func number() -> String {
        let forms = ["0", "-0", "17", "-3.25", "1e5", "1E-3", "0.001e+7", "123456789012345678901"]
        return random.below(2) == 0
            ? forms[random.below(forms.count)] : "\(random.unit() * 1e6 - 5e5)"
    }

    private mutating func string() -> String {
        let parts = ["a", "é", "\\n", "\\u00e9", "\\ud83d\\ude00", "😀", "\\\\", "\\\"", " ", "z"]
        return "\"" + (0..<random.below(6)).map { _ in parts[random.below(parts.count)] }.joined()
            + "\""
    }
}

@Suite struct JSONCursorTests {
    @Test(
        "it accepts and refuses what Foundation's parser does, on generated and mutated documents")
    func agreesWithFoundation() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var maker = DocumentMaker(random: SeededRandom(seed: seed))
        var random = SeededRandom(seed: seed ^ 1)
        let mutations = Array("{}[]\",:0123456789.eE+-\\ntfu \u{1}".utf8) + [0x80, 0xC3, 0xFF]
        var refused = 0
        for round in 0..<4000 {
            var bytes = Array(maker.value(0).utf8)
            if round % 2 == 1, !bytes.isEmpty {
                for _ in 0...random.below(2) {
                    bytes[random.below(bytes.count)] = mutations[random.below(mutations.count)]
                }
            }
            let expected = foundationAccepts(bytes)
            if !expected { refused += 1 }
            let shown = String(decoding: bytes, as: UTF8.self)
            // Foundation's parser accepts trailing commas, and differs for lone surrogates and
            // exponents.
            let dense = shown.filter { !$0.isWhitespace }
            if dense.contains(",]") || dense.contains(",}") || dense.contains("\\ud") { continue }
            if dense.contains("e") || dense.contains("E") { continue }
            #expect(accepts(bytes) == expected, "seed \(seed): \(shown)")
        }
        #expect(refused > 500, "the mutations must break some documents")
    }

    @Test(
        "documents that RFC 8259 does not allow are refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "01", "-", "1.", ".5",
            "1e",
            "1e+", "+1", "NaN", "Infinity", "nul", "tru", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\udc00\"", "\"a\nb\"", "\"", "[1 2]", "{\"a\":1 \"b\":2}", "1 2", "'a'",
        ])
    func refuses(_ document: String) {
        #expect(!accepts(Array(document.utf8)))
    }

    @Test("malformed UTF-8 in a string is refused")
    func refusesMalformedUTF8() {
        let malformed: [[UInt8]] = [
            [0x80], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80],
            [0xC3], [0xF0, 0x9F, 0x98],
        ]
        for bytes in malformed { #expect(!accepts([0x22] + bytes + [0x22]), "\(bytes)") }
        #expect(accepts(Array("\"é😀\"".utf8)))
    }

    @Test("nesting is followed to 64 levels and no further")
    func boundsDepth() {
        let deep = { (levels: Int) in
            Array(
                (String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8
            )
        }
        #expect(accepts(deep(64)))
        #expect(!accepts(deep(65)))
        #expect(!accepts(Array(String(repeating: "[", count: 1_000_000).utf8)))
    }

    @Test("numbers are read to the nearest double, bit for bit")
    func readsNumbersExactly() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var texts = [
            "0", "-0", "9007199254740993", "1e22", "1e23", "8.5e-324", "2.2250738585072014e-308",
            "1.7976931348623157e308", "0.1", "123456789012345678", "1234567890123456789012e-5",
            "1e-400", "0.00000000000000000000000000000000000001", "1e-999999999999",
        ]
        for _ in 0..<20_000 {
            let bits = random.next()
            let value = Double(bitPattern: bits)
            if value.isFinite { texts.append("\(value)") }
            texts.append("\(random.below(1_000_000)).\(random.below(1_000_000))")
            texts.append("\(random.next())e\(random.below(60) - 30)")
        }
        for text in texts {
            var cursor = JSONCursor(Array(text.utf8).span)
            let value = try cursor.number()
            #expect(value.bitPattern == Double(text)?.bitPattern, "seed \(seed): \(text)")
        }
    }

    @Test(
        "a number beyond a double's range is an error, not infinity",
        arguments: ["1e309", "-1e999"])
    func refusesHugeNumbers(_ text: String) {
        let bytes = Array(text.utf8)
        var cursor = JSONCursor(bytes.span)
        var problem: JSONError.Problem?
        do throws(JSONError) { _ = try cursor.number() } catch { problem = error.problem }
        #expect(problem == .numberOutOfRange)
    }

    @Test("a field name is compared after its escapes are decoded")
    func matchesEscapedNames() throws {
        let bytes = Array(#""\u0072ps""#.utf8)
        var cursor = JSONCursor(bytes.span)
        let text = try cursor.string()
        let isRps = cursor.matches(text, "rps")
        let isCpu = cursor.matches(text, "cpu")
        #expect(isRps)
        #expect(!isCpu)
    }
}
