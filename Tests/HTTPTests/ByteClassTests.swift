import Testing

@testable import HTTP

@Suite struct ByteClassTests {
    @Test("a token has the bytes that RFC 9110 section 5.6.2 lists, and no others")
    func knowsTokens() {
        let letters = Array(UInt8(ascii: "a")...UInt8(ascii: "z"))
        let digits = Array(UInt8(ascii: "0")...UInt8(ascii: "9"))
        let listed = Set(
            letters + letters.map { $0 - 32 } + digits + Array("!#$%&'*+-.^_`|~".utf8))
        for byte in UInt8.min...UInt8.max {
            #expect(ByteClass.isToken(byte) == listed.contains(byte), "byte \(byte)")
        }
    }

    @Test("a target has visible bytes without the number sign")
    func knowsTargets() {
        for byte in UInt8.min...UInt8.max {
            let isVisible = byte > 0x20 && byte != 0x7F
            #expect(ByteClass.isTarget(byte) == (isVisible && byte != 0x23), "byte \(byte)")
        }
    }

    @Test("a header's value has no control character except the tab")
    func knowsFieldValues() {
        for byte in UInt8.min...UInt8.max {
            let isControl = byte < 0x20 || byte == 0x7F
            #expect(ByteClass.isFieldValue(byte) == (!isControl || byte == 0x09), "byte \(byte)")
        }
    }
}

@Suite struct ByteRangeTests {
    /// Whether the first `count` bytes of the text are equal to the word.
    private func spells(
        _ text: String, count: Int, _ word: StaticString, ignoringCase: Bool = false
    ) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.span.spells(ByteRange(0, count), word, ignoringCase: ignoringCase)
    }

    @Test("a range is compared with a word whole, with or without case")
    func compares() {
        let header = "Content-Length: 7"
        #expect(spells(header, count: 14, "Content-Length"))
        #expect(!spells(header, count: 14, "content-length"))
        #expect(spells(header, count: 14, "content-length", ignoringCase: true))
        #expect(!spells(header, count: 15, "content-length", ignoringCase: true))
        #expect(!spells(header, count: 13, "content-length", ignoringCase: true))
        #expect(spells(header, count: 0, ""))
    }

    @Test("only letters have two cases")
    func foldsLettersOnly() {
        // In ASCII the two bytes of each pair differ in the same bit as the two cases of a letter.
        #expect(!spells("[", count: 1, "{", ignoringCase: true))
        #expect(!spells("@", count: 1, "`", ignoringCase: true))
        #expect(spells("Z", count: 1, "z", ignoringCase: true))
        #expect(spells("A", count: 1, "a", ignoringCase: true))
    }
}

@Suite struct HTTPLimitsTests {
    @Test("the limits agree with each other")
    func agree() {
        let limits = HTTPLimits()
        #expect(limits.requestLineBytes <= limits.headBytes)
        #expect(limits.chunkHeadBytes <= limits.headBytes)
        #expect(limits.discardBytes <= limits.bodyBytes)
    }
}
