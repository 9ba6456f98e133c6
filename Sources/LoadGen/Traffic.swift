internal import Bytes
internal import Numerics
internal import Options
internal import Signals

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
    let analyze: [UInt8]
    let stats: [UInt8]

    init(_ address: Address, _ plan: Plan) {
        var headers = " HTTP/1.1\r\nHost: \(address.hostHeader)\r\n"
        if !plan.token.isEmpty { headers += "Authorization: Bearer \(plan.token)\r\n" }
        if !plan.keepsAlive { headers += "Connection: close\r\n" }
        let post = headers + "Content-Type: application/json\r\nContent-Length: "
        ingest = Array("POST \(address.url.prefix)/ingest\(post)".utf8)
        batch = Array("POST \(address.url.prefix)/ingest?verdicts=none\(post)".utf8)
        analyze = Array("GET \(address.url.prefix)/analyze\(headers)\r\n".utf8)
        stats = Array("GET \(address.url.prefix)/stats\(headers)\r\n".utf8)
    }
}

/// Writes the requests of one thread, each different, without allocating.
struct Traffic: ~Copyable {
    /// Room for the longest batch: a sample is below 128 bytes.
    static let requestLimit = 128 * Scenario.batchLimit + 16_384

    private let scenario: Scenario
    private let heads: [RequestHeads]
    private let connections: Int
    private var random: SeededRandom
    private var body = ByteBuffer(limit: requestLimit)
    /// How often each connection has spoken, where devices are sticky.
    private var turns: [Int]

    init(_ plan: Plan, seed: UInt64) {
        scenario = plan.scenario
        heads = plan.addresses.map { RequestHeads($0, plan) }
        connections = plan.connections
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
        case .analyze: append(plain: heads[address].analyze, into: &output)
        case .stats: append(plain: heads[address].stats, into: &output)
        }
    }

    /// A sample like the seeds' own: rps around 425, cpu with it, stamped by the service's clock.
    private mutating func appendSample(_ speaker: Int) {
        let noise = random.next()
        let rps = 400 + Int(truncatingIfNeeded: noise & 0xFFFF) * 50 >> 16
        body.append("{\"timestamp\":0,\"cpu\":")
        body.append(integer: rps / 10 + Int(truncatingIfNeeded: noise >> 16 & 0xFFFF) * 5 >> 16)
        body.append(",\"rps\":")
        body.append(integer: rps)
        if scenario.devices > 0 {
            body.append(",\"device_id\":\"device-")
            body.append(integer: device(speaker))
            body.append("\"")
        }
        body.append("}")
    }

    private mutating func device(_ speaker: Int) -> Int {
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
        output.append(integer: body.count)
        output.append("\r\n\r\n")
        output.append(body.readable)
    }
}
