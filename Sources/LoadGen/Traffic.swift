internal import Bytes
internal import HTTPClient
internal import Numerics
internal import Options
internal import Signals
internal import System

/// What a request was, so that its response can be understood.
enum RequestKind {
    case plain
    /// A sample of a labelled series, whose verdict is kept.
    case labelled(series: Int)
}

/// The parts of requests that are the same every time, for one address.
private struct RequestHeads {
    let ingest: [UInt8]
    let batch: [UInt8]
    let metrics: [UInt8]
    let analyze: [UInt8]
    let stats: [UInt8]
    /// What stands before the path of a request of one's own, and between it and that request's
    /// headers.
    let ownStart: [UInt8]
    let ownMiddle: [UInt8]
    /// What names the target in a request: the start of its path, and what follows the path up to
    /// the end of the Host line.
    let prefix: [UInt8]
    let host: [UInt8]
    /// The name of the length, which ends the head of a request with a body.
    static let length: StaticString = "Content-Length: "

    init(_ address: Address, _ plan: Plan) {
        let start = " HTTP/1.1\r\nHost: \(address.hostHeader)\r\n"
        let token = plan.token.isEmpty ? "" : "Authorization: Bearer \(plan.token)\r\n"
        let closing = plan.keepsAlive ? "" : "Connection: close\r\n"
        let headers = start + token + closing
        let agent = "User-Agent: loadgen/\(programVersion)\r\n"
        let prefix = address.url.prefix
        let json = "Content-Type: application/json\r\n"
        let post = headers + agent + json
        self.prefix = Array(prefix.utf8)
        host = Array(start.utf8)
        ingest = Array("POST \(prefix)/ingest\(post)".utf8)
        batch = Array("POST \(prefix)/ingest?verdicts=none\(post)".utf8)
        metrics = Array("POST \(prefix)/metrics\(post)".utf8)
        analyze = Array("GET \(prefix)/analyze\(headers)\(agent)\r\n".utf8)
        stats = Array("GET \(prefix)/stats\(headers)\(agent)\r\n".utf8)
        let template = plan.scenario.template
        ownStart = Array("\(template?.method ?? "GET") \(prefix)".utf8)
        var own = start + (template?.hasAuthorization == true ? "" : token) + closing
        if template?.hasUserAgent != true { own += agent }
        if template?.hasBody == true, template?.hasContentType == false { own += json }
        ownMiddle = Array(own.utf8)
    }
}

/// Writes the requests of one thread, each different, without allocating.
struct Traffic: ~Copyable {
    /// Room for the longest batch, in which a sample is below 128 bytes, and for the largest body
    /// of a request of one's own.
    static let requestLimit = max(128 * Scenario.batchLimit, 16 * 1024 * 1024) + 65_536

    private let scenario: Scenario
    private let heads: [RequestHeads]
    private let connections: Int
    private let threads: Int
    private let thread: Int
    private var requests = 0
    private let keys: IdempotencyKeys?
    private var keyedRequests = 0
    private var random: SeededRandom
    private var body = ByteBuffer(limit: requestLimit)
    /// How often each connection has spoken, where devices are sticky.
    private var turns: [Int]

    /// - Parameter keys: those of the run, used where the plan says so.
    init(_ plan: Plan, seed: UInt64, thread: Int = 0, keys: IdempotencyKeys = IdempotencyKeys()) {
        self.keys = plan.usesKeys ? keys : nil
        scenario = plan.scenario
        heads = plan.addresses.map { RequestHeads($0, plan) }
        connections = plan.connections
        threads = plan.threads
        self.thread = thread
        random = SeededRandom(seed: seed)
        let isSticky = plan.scenario.devices > 0 && plan.scenario.spread == .sticky
        turns = isSticky ? Array(repeating: 0, count: plan.connections) : []
    }

    /// The next request's action.
    mutating func draw() -> Action { scenario.draw(&random) }

    /// Writes a request.
    /// - Parameter speaker: the connection's number among those of all threads.
    mutating func write(
        _ action: Action, address: Int, speaker: Int, into output: inout ByteBuffer
    ) {
        switch action {
        case .ingest:
            body.removeAll()
            appendSample(speaker)
            append(heads[address].ingest, into: &output)
        case .batch:
            body.removeAll()
            for _ in 0..<scenario.batchSize {
                appendSample(speaker)
                body.append("\n")
            }
            append(heads[address].batch, into: &output)
        case .metrics:
            body.removeAll()
            appendSample(speaker)
            append(heads[address].metrics, into: &output)
        case .analyze: append(plain: heads[address].analyze, into: &output)
        case .stats: append(plain: heads[address].stats, into: &output)
        case .request: appendOwn(heads[address], speaker, into: &output)
        }
    }

    /// A sample like those of the five services: rps around 425, cpu with it. The service's clock
    /// stamps it.
    private mutating func appendSample(_ speaker: Int) {
        let (rps, cpu) = drawLoad()
        body.append("{\"timestamp\":0,\"cpu\":")
        body.append(integer: cpu)
        body.append(",\"rps\":")
        body.append(integer: rps)
        if scenario.devices > 0 {
            body.append(",\"device_id\":\"device-")
            body.append(integer: device(speaker))
            body.append("\"")
        }
        body.append("}")
    }

    private mutating func drawLoad() -> (rps: Int, cpu: Int) {
        let noise = random.next()
        let rps = 400 + Int(truncatingIfNeeded: noise & 0xFFFF) * 50 >> 16
        return (rps, rps / 10 + Int(truncatingIfNeeded: noise >> 16 & 0xFFFF) * 5 >> 16)
    }

    private mutating func device(_ speaker: Int) -> Int {
        guard scenario.devices > 0 else { return 0 }
        guard !turns.isEmpty else { return random.below(scenario.devices) }
        let first = speaker % scenario.devices
        let count = max(1, (scenario.devices - first + connections - 1) / connections)
        let turn = turns[speaker]
        turns[speaker] = turn + 1
        return first + turn % count * connections
    }

    mutating func writeLabelled(
        _ series: LabelledSeries, _ index: Int, address: Int, into output: inout ByteBuffer
    ) {
        let sample = series.samples[index]
        body.removeAll()
        body.append("{\"timestamp\":")
        body.append(number: sample.timestamp)
        body.append(",\"cpu\":")
        body.append(number: sample.cpu)
        body.append(",\"rps\":")
        body.append(number: sample.rps)
        body.append(",\"device_id\":\"")
        body.append(text: series.name)
        body.append("\"}")
        append(heads[address].ingest, into: &output)
    }

    private func append(plain request: [UInt8], into output: inout ByteBuffer) {
        output.append(request.span)
    }

    private mutating func append(_ head: [UInt8], into output: inout ByteBuffer) {
        output.append(head.span)
        appendKey(into: &output)
        output.append(RequestHeads.length)
        output.append(integer: body.count)
        output.append("\r\n\r\n")
        output.append(body.readable)
    }

    /// Gives the request a key that no other request has, where the plan wants keys.
    private mutating func appendKey(into output: inout ByteBuffer) {
        guard let keys else { return }
        keys.appendHeader(keyedRequests * threads + thread + 1, to: &output)
        keyedRequests += 1
    }

    /// Writes a request again, byte for byte but for what names its target.
    /// - Parameters:
    ///   - request: as it was written for the address `old`.
    ///   - new: the address that it goes to now.
    func write(
        again request: Span<UInt8>, for old: Int, to new: Int, into output: inout ByteBuffer
    ) {
        guard old != new else {
            output.append(request)
            return
        }
        let method = Traffic.index(of: UInt8(ascii: " "), in: request) + 1
        let (before, after) = (heads[old], heads[new])
        let path = method + before.prefix.count
        let pathEnd = Traffic.index(of: UInt8(ascii: "\r"), in: request) - Traffic.version.count
        output.append(request.extracting(0..<method))
        output.append(after.prefix.span)
        output.append(request.extracting(path..<pathEnd))
        output.append(after.host.span)
        output.append(request.extracting((pathEnd + before.host.count)...))
    }

    private static let version = " HTTP/1.1".utf8

    private static func index(of byte: UInt8, in bytes: Span<UInt8>) -> Int {
        var index = 0
        while bytes[index] != byte { index += 1 }
        return index
    }

    // MARK: Requests of one's own

    /// The values of one request: the same wherever its template names them.
    private struct Values {
        let rps: Int
        let cpu: Int
        let device: Int
        let number: Int
    }

    private mutating func appendOwn(
        _ heads: RequestHeads, _ speaker: Int, into output: inout ByteBuffer
    ) {
        guard let template = scenario.template else { return }
        let (rps, cpu) = drawLoad()
        let values = Values(
            rps: rps, cpu: cpu, device: device(speaker), number: requests * threads + thread + 1)
        requests += 1
        output.append(heads.ownStart.span)
        Traffic.append(template.pathParts, values, into: &output)
        output.append(heads.ownMiddle.span)
        Traffic.append(template.headerParts, values, into: &output)
        if template.takesKey { appendKey(into: &output) }
        guard template.hasBody else {
            output.append("\r\n")
            return
        }
        output.append(RequestHeads.length)
        body.removeAll()
        Traffic.append(template.body, values, into: &body)
        output.append(integer: body.count)
        output.append("\r\n\r\n")
        output.append(body.readable)
    }

    private static func append(
        _ parts: [RequestTemplate.Part], _ values: Values, into output: inout ByteBuffer
    ) {
        for part in parts {
            switch part {
            case .text(let bytes): output.append(bytes.span)
            case .value(.device):
                output.append("device-")
                output.append(integer: values.device)
            case .value(.timestamp):
                output.append(integer: Int(Clock.unixNanoseconds() / 1_000_000_000))
            case .value(.rps): output.append(integer: values.rps)
            case .value(.cpu): output.append(integer: values.cpu)
            case .value(.seq): output.append(integer: values.number)
            }
        }
    }
}
