import Bytes
import Foundation
import Numerics
import Testing

private func number(_ text: String) throws(JSONError) -> Double {
    let bytes = Array(text.utf8)
    var cursor = JSONCursor(bytes.span)
    return try cursor.number()
}

private func problem(_ text: String) -> JSONError? {
    do throws(JSONError) {
        _ = try number(text)
        return nil
    } catch {
        return error
    }
}

/// The texts that the cursor reads differently from strtod. What strtod reads as infinity must be
/// refused.
private func misread(_ texts: [String]) -> [String] {
    texts.filter { text in
        // SAFETY: the string ends with a zero byte, and strtod gets no pointer to write to.
        let expected = unsafe strtod(text, nil)
        guard expected.isFinite else { return problem(text)?.problem != .numberOutOfRange }
        let value = try? number(text)
        return value?.bitPattern != expected.bitPattern
    }
}

@Suite struct JSONNumberTests {
    @Test("texts of every double, and of its neighbours, read as strtod reads them")
    func readsAnyDouble() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var texts: [String] = []
        for _ in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            texts.append(String(format: "%.\(random.below(25))e", value))
            texts.append(String(format: "%.17g", value))
        }
        #expect(misread(texts) == [], "seed \(seed)")
    }

    @Test("decimals of random length and power read as strtod reads them")
    func readsAnyDecimal() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var texts: [String] = []
        for _ in 0..<20_000 {
            let sign = random.below(2) == 0 ? "" : "-"
            let whole = (0..<1 + random.below(22)).map { _ in "\(random.below(10))" }.joined()
            let places = (0..<random.below(22)).map { _ in "\(random.below(10))" }.joined()
            let plain = whole.drop { $0 == "0" }
            var text = sign + (plain.isEmpty ? "0" : plain)
            if !places.isEmpty { text += "." + places }
            if random.below(2) == 0 {
                let exponents = ["e", "E", "e+", "e-", "E+00", "e-00"]
                text += exponents[random.below(exponents.count)] + "\(random.below(280))"
            }
            texts.append(text)
        }
        #expect(misread(texts) == [], "seed \(seed)")
    }

    @Test("a tie between two doubles rounds to the even one, a value beside it to the nearer")
    func roundsTies() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var texts: [String] = []
        for _ in 0..<5000 {
            // An odd integer of 54 bits lies exactly between two doubles.
            let tie = 1 << 53 | Int(truncatingIfNeeded: random.next() >> 11) | 1
            let zeros = String(repeating: "0", count: random.below(30))
            texts += ["\(tie)", "\(tie)." + zeros, "\(tie)." + zeros + "1", "\(tie - 1).9" + zeros]
        }
        let valid = texts.filter { !$0.hasSuffix(".") }
        #expect(misread(valid) == [], "seed \(seed)")
    }

    @Test(
        "the ends of a double's range are read exactly",
        arguments: [
            "4.9406564584124654e-324", "5e-324", "2.4703282292062328e-324", "1e-323",
            "2.2250738585072011e-308", "2.2250738585072014e-308", "2.2250738585072009e-308",
            "1.7976931348623157e308", "1.7976931348623158e308", "179769313486231570e291",
            "0.00000000000000000000000000000000000001e-290", "-5e-324", "-0", "-0.0", "-0e0",
            "0e999",
            "0.0e-999", "1e0000000000000000000000000000005", "0e99999999999999999999999",
        ])
    func readsExtremes(_ text: String) {
        #expect(misread([text]) == [])
    }

    @Test(
        "a number too small for a double is 0, not an error",
        arguments: [
            "1e-400", "-1e-400", "2.4703282292062327e-324", "123456789e-350", "0.001e-330",
            "1e-99999999999999999999", "0.0000001e-320",
        ])
    func readsUnderflow(_ text: String) throws {
        #expect(try number(text) == 0)
    }

    @Test(
        "a number too large for a double is an error at its first byte",
        arguments: [
            "1e309", "1.7976931348623159e308", "-1e999", "1e99999999999999999999", "0.001e312",
            "100000e304", "1" + String(repeating: "0", count: 309),
        ])
    func refusesOverflow(_ text: String) {
        #expect(problem(text)?.problem == .numberOutOfRange)
        #expect(problem(text)?.offset == 0)
    }

    @Test("a number keeps its value, however many digits it has", arguments: [900, 1100, 5000])
    func readsLongNumbers(_ length: Int) throws {
        let zeros = String(repeating: "0", count: length)
        let threes = String(repeating: "3", count: length)
        #expect(try number("0.5" + zeros) == 0.5)
        #expect(try number("1.5" + zeros) == 1.5)
        #expect(try number("0." + threes) == 1.0 / 3)
        #expect(try number("12." + zeros + "1") == 12)
        #expect(try number("0." + zeros + "25e\(length)") == 0.25)
        #expect(try number("25" + zeros + "e-\(length)") == 25)
        #expect(try number("1e" + zeros + "2") == 100)
        #expect(try number("0." + zeros) == 0)
        #expect(try number("-0." + threes) == -1.0 / 3)
    }

    @Test("a million places and as large an exponent cancel out exactly")
    func readsHugeExponents() throws {
        let zeros = String(repeating: "0", count: 1_000_000)
        #expect(try number("0." + zeros + "1e1000005") == 1e4)
        #expect(try number("1" + zeros + "e-1000003") == 1e-3)
    }

    @Test(
        "the error names the byte at which a number goes wrong",
        arguments: [
            ("-", 1, JSONError.Problem.unexpectedEnd), ("", 0, .unexpectedEnd),
            ("1.", 2, .unexpectedEnd), ("1e", 2, .unexpectedEnd), ("1e-", 3, .unexpectedEnd),
            ("-x", 1, .badNumber), ("1.x", 2, .badNumber), ("1e+x", 3, .badNumber),
            ("00", 1, .badNumber), ("-01", 2, .badNumber), (".5", 0, .badNumber),
            ("+1", 0, .badNumber), ("--1", 1, .badNumber),
        ])
    func placesErrors(in text: String, at offset: Int, _ expected: JSONError.Problem) {
        #expect(problem(text)?.problem == expected)
        #expect(problem(text)?.offset == offset)
    }

    @Test("reading stops after the number", arguments: ["1.5,", "1.5]", "1.5 x"])
    func stopsBehind(_ text: String) throws {
        let bytes = Array(text.utf8)
        var cursor = JSONCursor(bytes.span)
        #expect(try cursor.number() == 1.5)
        #expect(cursor.offset == 3)
    }
}
