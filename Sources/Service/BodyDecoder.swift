internal import Bytes
internal import Compression
internal import HTTP
internal import System
internal import Wire

/// What was met in a body besides samples in JSON.
struct BodyCounts {
    var ignoredLines = 0
    var remote = RemoteWrite.Counts()
}

/// Why a body is not decoded.
enum BodyFault: Error {
    /// It holds too much for a loop.
    case large
    case refused(Problem)
}

/// Decodes bodies with samples, one after the other.
final class BodyDecoder {
    /// Longer bodies are decoded beside the loop: up to here it takes less than a millisecond.
    static let largeBytes = 64 * 1024

    private let content = ContentDecoder()
    private let limitBytes: Int
    private let names: RemoteWrite.Names

    init(_ configuration: Configuration) {
        limitBytes = configuration.bodyLimitBytes
        names = configuration.remoteWrite
    }

    /// Decodes the samples of a request into a batch. There may be none where the request is
    /// answered with nothing.
    /// - Parameters:
    ///   - device: of the samples that name none.
    ///   - now: Unix seconds, for samples without a timestamp.
    ///   - isBeside: not in a loop, so that it may take its time.
    /// - Returns: what else was met.
    @inline(__always)
    func decode(
        _ request: Request, _ body: Span<UInt8>, device: [UInt8]?, now: Double, isBeside: Bool,
        into batch: inout SampleBatch
    ) throws(BodyFault) -> BodyCounts {
        guard isBeside || body.count <= BodyDecoder.largeBytes else { throw .large }
        guard request.coding != .identity else {
            return try decode(request, plain: body, device: device, now: now, into: &batch)
        }
        return try decodeCoded(
            request, body, device: device, now: now, isBeside: isBeside, into: &batch)
    }

    @inline(never)
    private func decodeCoded(
        _ request: Request, _ body: Span<UInt8>, device: [UInt8]?, now: Double, isBeside: Bool,
        into batch: inout SampleBatch
    ) throws(BodyFault) -> BodyCounts {
        let most = isBeside ? limitBytes : min(BodyDecoder.largeBytes, limitBytes)
        var decoded = ByteBuffer(limit: most + ContentDecoder.step)
        do throws(ContentFault) {
            try content.decode(body, request.coding, limit: most, into: &decoded)
        } catch {
            batch.removeAll()
            guard error == .tooLong else { throw .refused(.badCoding) }
            throw most < limitBytes ? .large : .refused(.tooLongDecoded(limit: limitBytes))
        }
        return try decode(
            request, plain: decoded.readable, device: device, now: now, into: &batch)
    }

    @inline(__always)
    private func decode(
        _ request: Request, plain body: Span<UInt8>, device: [UInt8]?, now: Double,
        into batch: inout SampleBatch
    ) throws(BodyFault) -> BodyCounts {
        var counts = BodyCounts()
        do throws(SampleError) {
            if request.endpoint.takesLines {
                counts.ignoredLines = batch.decode(lines: body, request.precision, now: now)
            } else if request.endpoint == .remoteWrite {
                counts.remote = try batch.decode(remoteWrite: body, names)
            } else {
                try batch.decode(body, now: now)
            }
        } catch {
            throw .refused(.badBody(error))
        }
        guard !batch.samples.isEmpty else {
            if request.endpoint.answersNothing { return counts }
            throw .refused(
                .noGoodSample(rejected: batch.rejected, first: batch.faults.first?.error))
        }
        if let device { batch.nameUnnamed(device.span) }
        if let key = request.key { batch.key = key.with(body: body) }
        return counts
    }
}

/// A request with a large body, which is decoded beside its loop.
///
/// SAFETY of `@unchecked`: the loop has it, then the thread, then the loop again.
final class LargeBody: @unchecked Sendable {
    let request: Request
    /// Whose request it is.
    let connection: Token
    private let device: [UInt8]?
    /// Unix seconds when it came.
    private let now: Double
    private var body: ByteBuffer
    private var batch = SampleBatch()
    private(set) var counts = BodyCounts()
    /// Why its samples are not stored; nil while there is no reason.
    private(set) var problem: Problem?
    /// How far it has come, as the loop sees it.
    fileprivate(set) var stage = Stage.waiting

    enum Stage { case waiting, decoding, decoded }

    init(
        _ request: Request, device: [UInt8]?, connection: Token, now: Double,
        body: consuming ByteBuffer
    ) {
        self.request = request
        self.device = device
        self.connection = connection
        self.now = now
        self.body = body
    }

    /// Memory that it holds.
    var byteCount: Int { body.capacity + batch.byteCount }

    fileprivate func decode(with decoder: BodyDecoder) {
        do throws(BodyFault) {
            counts = try decoder.decode(
                request, body.readable, device: device, now: now, isBeside: true, into: &batch)
        } catch {
            if case .refused(let problem) = error { self.problem = problem }
        }
        body.releaseMemory()
    }

    func exchange(_ other: inout SampleBatch) { swap(&batch, &other) }
}

/// The requests with large bodies of one loop.
///
/// Decoded, a body takes several times its length. So only few are decoded or stored at the same
/// time, and the others wait.
final class LargeBodies {
    private static let atOnce = 2

    private var waiting: [LargeBody] = []
    private var begunCount = 0
    /// Decodes; made for the first one.
    private var thread: SideThread<LargeBody, LargeBody>?
    private let configuration: Configuration
    /// Wakes the loop.
    private let wakeUp: Int32

    init(_ configuration: Configuration, wakeUp: Int32) {
        self.configuration = configuration
        self.wakeUp = wakeUp
    }

    deinit { thread?.stop() }

    func add(_ large: LargeBody) throws(SystemError) {
        if thread == nil {
            let configuration = configuration
            thread = try SideThread(limit: LargeBodies.atOnce) {
                let decoder = BodyDecoder(configuration)
                return { large in
                    large.decode(with: decoder)
                    return large
                }
            }
            thread?.serve(wakeUp)
        }
        waiting.append(large)
        beginNext()
    }

    /// Those that have been decoded since the last time.
    func takeDecoded() -> [LargeBody] {
        guard let decoded = thread?.takeFinished(), !decoded.isEmpty else { return [] }
        for large in decoded { large.stage = .decoded }
        return decoded
    }

    /// The request has its reply, or nobody waits for it any more.
    func end(_ large: LargeBody) {
        switch large.stage {
        case .waiting: waiting.removeAll { $0 === large }
        // The thread is at it; it ends when it comes back.
        case .decoding: break
        case .decoded:
            begunCount -= 1
            beginNext()
        }
    }

    private func beginNext() {
        while begunCount < LargeBodies.atOnce, !waiting.isEmpty {
            let next = waiting.removeFirst()
            next.stage = .decoding
            begunCount += 1
            _ = thread?.give(next)
        }
    }
}
