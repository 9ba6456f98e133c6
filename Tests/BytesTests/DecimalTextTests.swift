import Bytes
import Numerics
import Testing

private func text(_ value: Double) -> String {
    var buffer = ByteBuffer(limit: 64)
    buffer.append(number: value)
    return String(buffer.readable)
}

@Suite struct DecimalTextTests {
    @Test("every double reads back to itself from its text")
    func roundTrips() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            #expect(Double(text(value)) == value, "seed \(seed): \(value)")
        }
    }

    @Test("numbers look as people write them")
    func looksPlain() {
        #expect(text(0) == "0")
        #expect(text(120) == "120")
        #expect(text(-3) == "-3")
        #expect(text(0.1) == "0.1")
        #expect(text(100_000) == "100000")
        #expect(text(1_766_925_730) == "1766925730")
        #expect(text(1e300) == "1e+300")
        #expect(text(2.5e-9) == "2.5e-09")
        #expect(text(9_007_199_254_740_991) == "9007199254740991")
    }

    @Test("values that JSON cannot express are written as 0")
    func hidesNonFinite() {
        #expect(text(.nan) == "0")
        #expect(text(.infinity) == "0")
    }

    @Test("written numbers of any range read back bit for bit with this parser too")
    func readsBack() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var values: [Double] = [
            .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 1e-5, 1e16,
            0.1,
        ]
        values += [9_007_199_254_740_992, 9_007_199_254_740_994, 1e15, 9.999999999999999e-6]
        for _ in 0..<20_000 {
            values.append(Double(bitPattern: random.next()))
            values.append((random.unit() - 0.5) * 2000)
            values.append(Double(random.below(1_000_000)) / 1000)
        }
        let wrong = values.filter { value in
            let written = Array(text(value).utf8)
            return value.isFinite
                && (written.count > decimalTextLimit
                    || parseDecimal(written.span)?.bitPattern != value.bitPattern)
        }
        #expect(wrong == [], "seed \(seed)")
    }

    @Test(
        "a text that is not a decimal number is refused",
        arguments: [
            "", " ", "1 ", " 1", "1,5", "abc", "0x10", "1e", "--1", "+1", "1e999", "inf", "nan",
        ])
    func refuses(_ spelled: String) {
        let bytes = Array(spelled.utf8)
        #expect(parseDecimal(bytes.span) == nil)
    }

    @Test("integers at both ends of their range are written in full")
    func writesExtremeIntegers() {
        var buffer = ByteBuffer(limit: 64)
        buffer.append(integer: .min)
        buffer.append(" ")
        buffer.append(integer: .max)
        #expect(String(buffer.readable) == "\(Int.min) \(Int.max)")
    }

    @Test("integers of every width are written, and their width is computed right")
    func writesEveryWidth() {
        var power = 1
        for width in 1...18 {
            for value in [power, power + power / 2, power * 10 - 1] {
                var buffer = ByteBuffer(limit: 64)
                buffer.append(integer: value)
                #expect(String(buffer.readable) == "\(value)")
                #expect(decimalWidth(UInt64(value)) == width)
            }
            power *= 10
        }
        #expect(decimalWidth(0) == 1)
        #expect(decimalWidth(.max) == 20)
    }
}

@Suite struct ByteBufferTests {
    @Test("it holds what was appended and not yet consumed, up to its limit")
    func behavesLikeAnArray() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var buffer = ByteBuffer(limit: 500)
        var model: [UInt8] = []
        for _ in 0..<20_000 {
            if random.below(2) == 0 {
                let chunk = (0..<random.below(90)).map { _ in
                    UInt8(truncatingIfNeeded: random.next())
                }
                let fits = model.count + chunk.count <= 500
                #expect(buffer.append(chunk.span) == fits, "seed \(seed)")
                if fits { model += chunk }
            } else {
                let count = random.below(model.count + 1)
                buffer.consume(count)
                model.removeFirst(count)
            }
            #expect(buffer.count == model.count, "seed \(seed)")
        }
        let held = buffer.readable
        #expect(held.indices.allSatisfy { held[$0] == model[$0] }, "seed \(seed)")
    }

    @Test("characters that are not seen, or that turn others around, are shown as escapes")
    func escapesUnseen() throws {
        let unseen =
            ["\u{200B}", "\u{202E}", "\u{2028}", "\u{2066}", "\u{FEFF}", "\u{2060}"]
            + ["\u{85}", "\u{AD}", "\u{61C}", "\u{180E}", "\u{E0041}"]
        for text in unseen.map({ "a\($0)b" }) + unseen {
            var buffer = ByteBuffer(limit: 200)
            buffer.append(jsonString: text)
            let shown = String(buffer.readable)
            #expect(shown.utf8.allSatisfy { $0 < 0x80 } && shown.contains("\\u"), "\(shown)")
            var cursor = JSONCursor(buffer.readable)
            var decoded = ByteBuffer(limit: 200)
            cursor.decode(try cursor.string(), into: &decoded)
            #expect(String(decoded.readable) == text)
        }
        for text in ["…", "€", "\u{2010}", "\u{2030}", "\u{FF21}", "日本", "é", "\u{10348}"] {
            var buffer = ByteBuffer(limit: 200)
            buffer.append(jsonString: text)
            #expect(String(buffer.readable) == "\"\(text)\"")
        }
    }

    @Test("a JSON string is escaped so that it reads back")
    func escapesStrings() throws {
        let original = "a\"b\\c\u{1}\n\té😀"
        var buffer = ByteBuffer(limit: 200)
        buffer.append(jsonString: original)
        #expect(String(buffer.readable) == "\"a\\\"b\\\\c\\u0001\\n\\té😀\"")
        var cursor = JSONCursor(buffer.readable)
        var decoded = ByteBuffer(limit: 200)
        cursor.decode(try cursor.string(), into: &decoded)
        #expect(String(decoded.readable) == original)
    }
}
