import Bytes
import Numerics
import Options
import Testing

@testable import LoadGen

@Suite struct RetryQueueTests {
    private func held(bytes: Int = 0) -> HeldRequest {
        let request = HeldRequest()
        for _ in 0..<bytes { request.bytes.append(0) }
        return request
    }

    @Test("the first due comes first, whatever the order in which they were added")
    func keepsOrder() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        var queue = RetryQueue(threads: 1)
        var expected: [Int64] = []
        for _ in 0..<500 {
            let due = Int64(random.below(300))
            expected.append(due)
            _ = queue.add(held(), at: Instant(nanoseconds: due))
        }
        var found: [Int64] = []
        while let due = queue.nextDue {
            found.append(due.nanoseconds)
            _ = queue.removeFirst()
        }
        #expect(found == expected.sorted(), "seed \(seed)")
        #expect(queue.isEmpty)
    }

    @Test("more than its limits it does not hold, and what left makes room")
    func keepsLimits() {
        let threads = RetryQueue.requestLimit / 2
        var queue = RetryQueue(threads: threads)
        func added(_ bytes: Int) -> Bool { queue.add(held(bytes: bytes), at: .zero) }
        let room = RetryQueue.byteLimit / threads
        let few = [added(0), added(0), added(0)]
        #expect(few == [true, true, false])
        _ = queue.removeFirst()
        let large = [added(room + 1), added(room)]
        #expect(large == [false, true])
    }

    @Test("a request that goes to another target names that one, and is the same otherwise")
    func namesTarget() throws {
        var options = try Options(
            [
                "--target", "http://a:1/api,http://b.example:22", "--keys", "on", "--path",
                "/x?y=1", "--method", "PUT", "--body", "{{rps}}", "--mix",
                "ingest=1,batch=1,metrics=1,analyze=1,stats=1,request=1", "--token", "t",
            ], switches: [])
        var traffic = Traffic(try Plan(&options), seed: 1)
        for action in Action.allCases {
            var request = ByteBuffer(limit: 1 << 20)
            traffic.write(action, address: 0, speaker: 0, into: &request)
            func again(_ from: borrowing ByteBuffer, for old: Int, to address: Int) -> ByteBuffer {
                var output = ByteBuffer(limit: 1 << 20)
                traffic.write(again: from.readable, for: old, to: address, into: &output)
                return output
            }
            let text = String(request.readable)
            let other = again(request, for: 0, to: 1)
            #expect(
                String(other.readable)
                    == text.replacing(" /api/", with: " /").replacing("a:1", with: "b.example:22"))
            #expect(String(again(other, for: 1, to: 0).readable) == text)
            #expect(String(again(request, for: 0, to: 0).readable) == text)
        }
    }
}
