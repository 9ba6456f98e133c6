internal import Bytes
internal import HTTP
internal import Wire

/// A reply with many verdicts, which is made as it is sent: no loop is held up by it, and no text
/// waits for a client that reads slowly.
final class LongReply {
    /// Verdicts of one piece: about a tenth of a megabyte of text, a fraction of a millisecond.
    static let verdictsAtOnce = 512

    private let selection: VerdictSelection
    /// Where the request was HTTP/1.0, the reply ends with the connection.
    private let isChunked: Bool
    private var batch = SampleBatch()
    private var list = VerdictList()

    /// - Parameter batch: is empty afterwards.
    init(_ request: Request, _ batch: inout SampleBatch) {
        selection = request.selection
        isChunked = !request.isVersion10
        swap(&self.batch, &batch)
    }

    /// Memory that it holds.
    var byteCount: Int { batch.byteCount }

    /// Appends the next piece.
    /// - Parameter body: an empty buffer, empty again afterwards.
    /// - Returns: whether it was the last one.
    func append(nextInto output: inout ByteBuffer, through body: inout ByteBuffer) -> Bool {
        if list.position == 0 { body.append(beginningOfListOf: batch) }
        body.append(next: LongReply.verdictsAtOnce, of: batch, selection, &list)
        let isLast = list.position == batch.samples.count
        if isLast { body.append(endOfListOf: batch, list) }
        if isChunked {
            if !body.isEmpty { output.append(chunk: body.readable) }
            if isLast { output.appendLastChunk() }
        } else {
            output.append(body.readable)
        }
        body.removeAll()
        return isLast
    }
}
