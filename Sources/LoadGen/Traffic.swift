internal import Bytes
internal import Numerics
internal import Scoring
internal import Signals

/// What a request was, so that its answer can be understood.
enum RequestKind {
    case ingest
    case analyze
    /// A sample of a labelled series, whose verdict is kept.
    case labelled(series: Int)
}

/// A labelled series on its way: its samples go out in order, one at a time, by one connection.
struct LabelledFeed {
    let series: LabelledSeries
    private(set) var judgments: [Judgment] = []
    var next = 0

    init(_ series: LabelledSeries) {
        self.series = series
        judgments.reserveCapacity(series.samples.count)
    }

    var isDone: Bool { next >= series.samples.count }
    mutating func note(_ judgment: Judgment) { judgments.append(judgment) }
}

/// Writes the requests of one thread, each different, without allocating.
struct Traffic: ~Copyable {
    private let plan: Plan
    private var random: SeededRandom
    private var body = ByteBuffer(limit: 1024)
    private var headers = ByteBuffer(limit: 8192)

    init(_ plan: Plan, seed: UInt64) {
        self.plan = plan
        random = SeededRandom(seed: seed)
        headers.append(text: " HTTP/1.1\r\nHost: \(plan.hostHeader)\r\n")
        if !plan.token.isEmpty { headers.append(text: "Authorization: Bearer \(plan.token)\r\n") }
    }

    /// Whether the next request is to be a GET /analyze.
    mutating func drawsAnalyze() -> Bool {
        plan.analyzeShare > 0 && random.unit() < plan.analyzeShare
    }

    mutating func writeAnalyze(into output: inout ByteBuffer) {
        output.append("GET /analyze")
        output.append(headers.readable)
        output.append("\r\n")
    }

    /// A sample like the seeds' own: rps around 425, cpu with it, stamped by the service's clock.
    mutating func writeIngest(into output: inout ByteBuffer) {
        let rps = (4000 + random.below(500)) / 10
        body.removeAll()
        body.append("{\"timestamp\":0,\"cpu\":")
        body.append(integer: rps / 10 + random.below(5))
        body.append(",\"rps\":")
        body.append(integer: rps)
        if plan.devices > 0 {
            body.append(",\"device_id\":\"device-")
            body.append(integer: random.below(plan.devices))
            body.append("\"")
        }
        body.append("}")
        writePost(into: &output)
    }

    mutating func writeLabelled(
        _ series: LabelledSeries, _ index: Int, into output: inout ByteBuffer
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
        writePost(into: &output)
    }

    private mutating func writePost(into output: inout ByteBuffer) {
        output.append("POST /ingest")
        output.append(headers.readable)
        output.append("Content-Type: application/json\r\nContent-Length: ")
        output.append(integer: body.count)
        output.append("\r\n\r\n")
        output.append(body.readable)
    }
}
