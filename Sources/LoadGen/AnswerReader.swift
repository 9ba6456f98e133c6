internal import Bytes
internal import System
internal import HTTP

/// Reads one answer after the other from a connection's bytes.
struct AnswerReader: ~Copyable {
    /// What has arrived of the answer.
    enum Progress {
        case incomplete
        case answered(ResponseSummary)
        case failed(Failure)
    }

    /// Largest answer: verdicts and listings are far below it.
    private static let answerLimitBytes = 16 * 1024 * 1024
    private static let readBytes = 16 * 1024

    private var input = ByteBuffer(limit: answerLimitBytes)
    private var head: ResponseSummary?
    private var decoder: ChunkedDecoder?
    private var decoded = ByteBuffer(limit: answerLimitBytes)

    mutating func receive(from descriptor: borrowing FileDescriptor) -> Transfer {
        descriptor.receive(into: &input, atMost: AnswerReader.readBytes)
    }

    mutating func parse(_ memo: inout HeadMemo) -> Progress {
        if head == nil, !parseHead(&memo) { return .failed(.badAnswer) }
        guard let summary = head else { return .incomplete }
        switch summary.framing {
        case .length(let length): return input.count >= length ? .answered(summary) : .incomplete
        case .chunked: return parseChunks(summary)
        case .untilClose: return .incomplete
        }
    }

    /// - Returns: false when what has arrived is no answer.
    private mutating func parseHead(_ memo: inout HeadMemo) -> Bool {
        if let known = memo.summary(of: input.readable) {
            head = known
        } else {
            do throws(ResponseError) {
                guard let parsed = try ResponseParser.parse(input.readable) else { return true }
                memo.remember(input.readable, parsed)
                head = parsed
            } catch {
                return false
            }
        }
        input.consume(head?.byteCount ?? 0)
        return true
    }

    /// The server has closed: that may be what ends the answer.
    mutating func end() -> Progress {
        guard let summary = head, summary.framing == .untilClose else { return .failed(.reset) }
        head?.framing = .length(input.count)
        return .answered(summary)
    }

    private mutating func parseChunks(_ summary: ResponseSummary) -> Progress {
        var current = decoder ?? ChunkedDecoder(HTTPLimits())
        do throws(HTTPRefusal) { try current.decode(from: &input, into: &decoded) } catch {
            return .failed(.badAnswer)
        }
        decoder = current
        return current.isDone ? .answered(summary) : .incomplete
    }

    /// Runs `body` on the complete answer's body, then forgets the answer.
    mutating func finish<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        let result: Result
        if decoder != nil {
            result = body(decoded.readable)
            decoded.removeAll()
            decoder = nil
        } else if case .length(let length) = head?.framing {
            result = body(input.readable.extracting(0..<length))
            input.consume(length)
        } else {
            result = body(input.readable.extracting(0..<0))
        }
        head = nil
        return result
    }
}
