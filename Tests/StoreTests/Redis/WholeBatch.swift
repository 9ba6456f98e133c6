import SeriesLog
import Wire

@testable import Store

extension RedisMachine {
    /// Takes in all pieces of a request at once.
    mutating func append(_ batch: borrowing SampleBatch) -> TicketNumber {
        let ticket = tickets.open(samples: batch.samples.count)
        for piece in 0...RequestKey.piece(ofSample: batch.samples.count - 1) {
            append(piece: piece, of: batch, ticket)
        }
        tickets.finish(ticket)
        return ticket
    }
}
