import Bytes
import Testing

private func content(_ buffer: borrowing ByteBuffer) -> String { String(buffer.readable) }

extension ByteBufferTests {
    @Test("an append that does not fit is refused and changes nothing")
    func refusesWhole() {
        var buffer = ByteBuffer(limit: 8)
        #expect(buffer.append("12345") == true)
        #expect(buffer.append("6789") == false)
        #expect(buffer.append(integer: 1234) == false)
        #expect(buffer.reserve(4) == false)
        #expect(content(buffer) == "12345")
        #expect(buffer.append("678") == true)
        #expect(buffer.append(UInt8(ascii: "9")) == false)
        #expect(content(buffer) == "12345678")
    }

    @Test("consumed bytes make room for new ones, up to the limit")
    func reusesRoom() {
        var buffer = ByteBuffer(limit: 100)
        for round in 0..<1000 {
            #expect(buffer.append("abcdefghij") == true)
            #expect(buffer.capacity <= 100, "round \(round)")
            if buffer.count > 90 { buffer.consume(95) }
        }
    }

    @Test("a new buffer owns no memory, and releaseMemory frees it")
    func ownsNothing() {
        var buffer = ByteBuffer(limit: 1 << 20)
        #expect(buffer.capacity == 0)
        buffer.append("text")
        #expect(buffer.capacity > 0)
        buffer.removeAll()
        #expect(buffer.isEmpty == true)
        #expect(buffer.capacity > 0, "forgetting bytes keeps the memory for the next")
        buffer.releaseMemory()
        #expect(buffer.capacity == 0)
        #expect(buffer.append("again") == true)
        #expect(content(buffer) == "again")
    }

    @Test("truncating removes bytes from the end, also after consuming")
    func truncates() {
        var buffer = ByteBuffer(limit: 64)
        buffer.append("0123456789")
        buffer.consume(2)
        buffer.truncate(to: 5)
        #expect(content(buffer) == "23456")
        buffer.truncate(to: 0)
        #expect(buffer.isEmpty == true)
        #expect(buffer.append("x") == true)
        #expect(content(buffer) == "x")
    }

    @Test("filling appends exactly the bytes that were written")
    func fills() {
        var buffer = ByteBuffer(limit: 10)
        buffer.append("ab")
        let filled = unsafe buffer.fill(8) { space in
            // SAFETY: both places are inside the eight bytes asked for.
            unsafe space[0] = UInt8(ascii: "c")
            unsafe space[1] = UInt8(ascii: "d")
            return 2
        }
        #expect(filled == 2)
        #expect(content(buffer) == "abcd")
        let refused = unsafe buffer.fill(7) { _ in 7 }
        #expect(refused == nil)
        #expect(content(buffer) == "abcd")
    }

    @Test("a number is never written past the limit, however full the buffer is")
    func boundsNumbers() {
        for room in 1...40 {
            var buffer = ByteBuffer(limit: room)
            let isWritten = buffer.append(number: -1.234_567_890_123_456_7e-300)
            #expect(buffer.count <= room)
            #expect(isWritten == (buffer.count > 0), "room \(room)")
        }
    }
}

@Suite struct InstantTests {
    @Test("spans of all units agree")
    func agrees() {
        #expect(TimeSpan.seconds(2) == .milliseconds(2000))
        #expect(TimeSpan.milliseconds(3) == .microseconds(3000))
        #expect(TimeSpan.seconds(1.5) == .milliseconds(1500))
        #expect(TimeSpan.microseconds(7).nanoseconds == 7000)
        #expect(TimeSpan.milliseconds(250).seconds == 0.25)
        #expect(TimeSpan.microseconds(500).milliseconds == 0.5)
    }

    @Test("the first of two instants plus their difference is the second")
    func moves() {
        let (early, late) = (Instant(nanoseconds: -5), Instant(nanoseconds: 1_000_000_000))
        #expect(early + (late - early) == late)
        #expect(early < late)
        #expect((early - late) < TimeSpan(nanoseconds: 0))
        #expect(late < .never)
        #expect(TimeSpan.seconds(3) - .seconds(5) == .seconds(-2))
    }
}
