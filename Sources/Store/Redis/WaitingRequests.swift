internal import Wire

/// What the requests that wait for Redis asked for, by their tickets. Batches are used again, so
/// that waiting costs no allocation.
struct WaitingRequests {
    private final class Kept {
        /// nil for a request with samples.
        var call: Call?
        var batch = SampleBatch()
    }

    private var kept: [Kept?] = []
    private var spare: [Kept] = []

    /// Keeps a batch, and leaves an empty one.
    mutating func keep(_ batch: inout SampleBatch, _ ticket: Int32) {
        let entry = entry(ticket)
        entry.call = nil
        swap(&entry.batch, &batch)
    }

    mutating func keep(_ call: Call, _ ticket: Int32) {
        entry(ticket).call = call
    }

    private mutating func entry(_ ticket: Int32) -> Kept {
        while kept.count <= Int(ticket) { kept.append(nil) }
        let entry = spare.popLast() ?? Kept()
        kept[Int(ticket)] = entry
        return entry
    }

    /// Gives back what was kept: the call, or the batch.
    mutating func take(_ ticket: Int32, _ batch: inout SampleBatch) -> Call? {
        guard let entry = kept[Int(ticket)].take() else {
            preconditionFailure("a ticket is finished once")
        }
        spare.append(entry)
        if let call = entry.call { return call }
        swap(&entry.batch, &batch)
        entry.batch.removeAll()
        return nil
    }
}
