internal import Bytes
internal import HTTP
internal import Store
internal import System
internal import Wire

/// Requests with samples: their bodies, and replies with many verdicts.
extension Responder where Series: ~Copyable {
    // MARK: Bodies

    /// Stores the samples of a POST whose body is the first `byteCount` bytes of `input`, or what
    /// it tells of an incident.
    /// - Parameter name: the device of the samples that name none, or the incident's ID.
    mutating func store(
        _ request: Request, body input: borrowing ByteBuffer, byteCount: Int, about name: [UInt8]?,
        into output: inout ByteBuffer
    ) -> BodyProgress {
        let body = input.readable.extracting(0..<byteCount)
        guard request.endpoint != .incidentFeedback else {
            tell(request, body, of: name ?? [], into: &output)
            return .replied
        }
        do throws(BodyFault) {
            let counts = try decoder.decode(
                request, body, device: name, now: Double(unixSeconds), isBeside: false,
                into: &batch)
            return storeDecoded(request, counts, into: &output)
        } catch {
            guard case .refused(let problem) = error else { return .large }
            return refuseBody(request, problem, into: &output)
        }
    }

    /// Has a large body decoded beside the loop.
    /// - Returns: nil when the reply stands in `output` already.
    mutating func decodeBeside(
        _ request: Request, _ body: consuming ByteBuffer, device: [UInt8]?, for connection: Token,
        into output: inout ByteBuffer
    ) -> LargeBody? {
        let large = LargeBody(
            request, device: device, connection: connection, now: Double(unixSeconds), body: body)
        do throws(SystemError) {
            try largeBodies.add(large)
            hasLargeBodies = true
            return large
        } catch {
            // There is no thread for it.
            refuse(request, .unavailable(.queueFull), into: &output)
            return nil
        }
    }

    /// Stores the samples of a large body.
    @inline(never)
    mutating func store(_ large: LargeBody, into output: inout ByteBuffer) -> BodyProgress {
        large.exchange(&batch)
        if let problem = large.problem {
            return refuseBody(large.request, problem, into: &output)
        }
        return storeDecoded(large.request, large.counts, into: &output)
    }

    @inline(never)
    private mutating func refuseBody(
        _ request: Request, _ problem: Problem, into output: inout ByteBuffer
    ) -> BodyProgress {
        metrics.add(1, .ingestRequests)
        countRejected()
        refuse(request, problem, into: &output)
        return .replied
    }

    /// Stores the samples that stand in `batch`.
    @inline(__always)
    private mutating func storeDecoded(
        _ request: Request, _ counts: BodyCounts, into output: inout ByteBuffer
    ) -> BodyProgress {
        metrics.add(1, .ingestRequests)
        countRejected()
        if request.endpoint.answersNothing {
            count(counts)
            if batch.samples.isEmpty {
                replyWithNothing(request, into: &output)
                return .replied
            }
        }
        switch store.append(&batch) {
        case .waiting(let ticket): return .waiting(ticket)
        case .stored: replyWithVerdicts(request, into: &output)
        case .failed(let failure): refuse(request, .unavailable(failure), into: &output)
        }
        return .replied
    }

    // MARK: Long replies

    @inline(never)
    mutating func beginLongReply(
        _ request: Request, _ status: HTTPStatus, into output: inout ByteBuffer
    ) {
        longReply = LongReply(request, &batch)
        var head = ResponseHead(status)
        head.isChunked = true
        var request = request
        if request.isVersion10 { request.keepAlive = false }
        send(head, to: request, into: &output)
    }

    /// Large bodies that have been decoded since the last time.
    func takeDecoded() -> [LargeBody] { largeBodies.takeDecoded() }

    /// Appends the next piece of a long reply.
    /// - Returns: whether it was the last one.
    mutating func append(nextOf reply: LongReply, into output: inout ByteBuffer) -> Bool {
        reply.append(nextInto: &output, through: &body)
    }
}
