import Bytes
import Testing

@testable import HTTPClient

@Suite struct RetryPauseTests {
    @Test("waits double, are no shorter than the server asks and no longer than the limit")
    func doubles() {
        func seconds(_ retry: Int, asked: Int? = nil, chance: Double = 0) -> Double {
            RetryPause.before(retry: retry, retryAfterSeconds: asked, chance: chance).seconds
        }
        #expect((1...4).map { seconds($0) } == [0.05, 0.1, 0.2, 0.4])
        #expect(seconds(1, asked: 2) == 2 && seconds(1, asked: 0) == 0.05)
        #expect(seconds(1, asked: .max) == 10 && seconds(.max) == 10 && seconds(0) == 0.05)
        #expect(seconds(1, asked: 2, chance: 1) == 3)
        #expect(seconds(.max, asked: .max, chance: 1) == RetryPause.longest.seconds)
    }
}

@Suite struct IdempotencyKeysTests {
    private func header(_ keys: IdempotencyKeys, _ number: Int) -> String {
        var output = ByteBuffer(limit: 1000)
        keys.appendHeader(number, to: &output)
        return String(output.readable)
    }

    @Test("a key is visible ASCII of a fixed form, whatever the run")
    func writesHeaders() {
        #expect(
            header(IdempotencyKeys(run: 1), 17) == "Idempotency-Key: 0000000000000001-17\r\n")
        let longest = header(IdempotencyKeys(run: .max), .max)
        #expect(longest == "Idempotency-Key: ffffffffffffffff-9223372036854775807\r\n")
        #expect(longest.utf8.count - "Idempotency-Key: \r\n".utf8.count <= 128)
    }

    @Test("keys of two runs differ, and so do those of one run")
    func differs() {
        let (one, two) = (IdempotencyKeys(), IdempotencyKeys())
        #expect(Set([header(one, 1), header(one, 2), header(two, 1), header(two, 2)]).count == 4)
    }
}
