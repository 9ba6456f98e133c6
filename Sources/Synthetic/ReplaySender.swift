internal import Bytes
internal import HTTPClient
internal import Options
internal import Scoring
internal import Signals
internal import System

/// What the service says of a batch that it took.
struct ReplayAnswer {
    var batch: VerdictReader.Batch
    var note: RepeatNote
}

/// Sends the batches of a replay, one after the other, each until it has an answer.
struct ReplaySender: ~Copyable {
    /// A batch of the largest size, with names of the greatest length, is below it.
    private static let requestLimit = 64 * 1024 * 1024
    /// Its verdicts are below this.
    private static let bodyLimit = 64 * 1024 * 1024

    private let target: ServiceURL
    private let devicePrefix: String
    private let token: String
    private let retryLimit: Int
    private let keys = IdempotencyKeys()
    private var requests = 0
    /// The series of the last request, and whether it is of another metric than the load.
    private var rendered = (name: "", isOtherMetric: false)
    private var client: SynchronousClient
    private var request = ByteBuffer(limit: requestLimit)
    /// Retries so far.
    private(set) var retries = 0

    init(_ command: ReplayCommand) throws(CommandError) {
        target = command.target
        devicePrefix = command.devicePrefix
        token = command.token
        retryLimit = command.retries
        do throws(RequestError) {
            client = try SynchronousClient(
                host: target.server.host, port: target.server.port, timeout: command.timeout,
                requestLimit: ReplaySender.requestLimit, bodyLimit: ReplaySender.bodyLimit)
        } catch {
            throw CommandError(error.description)
        }
    }

    /// Why a batch has no answer yet.
    private enum Setback {
        /// The service said that it did not take it, or not all of it.
        case refused(status: Int, retryAfterSeconds: Int?)
        case failed(RequestError)

        var description: String {
            switch self {
            case .refused(let status, _): "status \(status)"
            case .failed(let error): error.description
            }
        }

        var retryAfterSeconds: Int? {
            if case .refused(_, let seconds) = self { seconds } else { nil }
        }
    }

    /// Sends a batch: again, with its key and byte for byte, where the service did not take it or
    /// nobody knows whether it did.
    mutating func send(_ series: LabelledSeries, _ range: Range<Int>) throws(CommandError)
        -> ReplayAnswer
    {
        render(series, range)
        let what = "\(series.name), samples \(range.lowerBound) to \(range.upperBound - 1)"
        var isUnknown = false
        var attempt = 1
        while true {
            let setback: Setback
            switch exchange() {
            case .success(let response):
                guard response.status == 503 || response.status == 429 else {
                    return try ReplaySender.answer(response, what, count: range.count)
                }
                setback = .refused(
                    status: response.status, retryAfterSeconds: response.retryAfterSeconds)
            case .failure(let error):
                setback = .failed(error)
                if error.outcome == .unknown { isUnknown = true }
            }
            guard attempt <= retryLimit else {
                throw giveUp(what, setback, isUnknown: isUnknown, attempts: attempt)
            }
            wait(before: attempt, setback, what)
            attempt += 1
        }
    }

    private mutating func exchange() -> Result<Response, RequestError> {
        do throws(RequestError) { return .success(try client.exchange(request)) } catch {
            return .failure(error)
        }
    }

    private mutating func wait(before retry: Int, _ setback: Setback, _ what: String) {
        retries += 1
        StandardStreams.writeError(
            "synthetic: \(what): \(setback.description); retry \(retry) of \(retryLimit)\n")
        Clock.sleep(
            RetryPause.before(
                retry: retry, retryAfterSeconds: setback.retryAfterSeconds,
                chance: .random(in: 0..<1)))
    }

    /// Whether the batch was stored is unknown when any of its attempts was.
    private func giveUp(
        _ what: String, _ setback: Setback, isUnknown: Bool, attempts: Int
    ) -> CommandError {
        let tried = attempts == 1 ? "sent once" : "sent \(attempts) times"
        if isUnknown {
            return CommandError(
                "\(what): outcome unknown: \(setback.description), \(tried); the service may have "
                    + "counted them or not, so no verdicts are written")
        }
        switch setback {
        case .refused(let status, _):
            return CommandError(
                "\(what): the service is unavailable: status \(status), \(tried); no verdicts are "
                    + "written")
        case .failed(let error):
            return CommandError("\(what): not sent: \(error.description), tried \(attempts) times")
        }
    }

    private static func answer(_ response: Response, _ what: String, count: Int)
        throws(CommandError) -> ReplayAnswer
    {
        let note = RepeatNote(response.body.span)
        let isTaken = response.status == 202 || (response.status == 200 && note.isRepeat)
        // A batch of one is answered by its verdict alone; the note of a repeat holds none.
        if isTaken, count == 1, !note.isRepeat,
            let judgment = try? VerdictReader.single(response.body.span)
        {
            var batch = VerdictReader.Batch()
            batch.accepted = 1
            batch.verdicts = [(0, judgment)]
            return ReplayAnswer(batch: batch, note: note)
        }
        guard isTaken, let batch = try? VerdictReader.batch(response.body.span) else {
            throw CommandError(
                "\(what): status \(response.status): "
                    + String(decoding: response.body.prefix(300), as: UTF8.self))
        }
        return ReplayAnswer(batch: batch, note: note)
    }

    /// Writes a request of its own key; every attempt sends these bytes.
    private mutating func render(_ series: LabelledSeries, _ range: Range<Int>) {
        var body = ByteBuffer(limit: 32 * 1024 * 1024)
        if rendered.name != series.name { rendered = (series.name, series.isOtherMetric) }
        let isOtherMetric = rendered.isOtherMetric
        for index in range {
            let sample = series.samples[index]
            body.append("{\"device_id\":")
            body.append(jsonString: devicePrefix + series.name)
            body.append(",\"timestamp\":")
            body.append(number: sample.timestamp)
            body.append(isOtherMetric ? ",\"value\":" : ",\"rps\":")
            body.append(number: sample.rps)
            if !isOtherMetric {
                body.append(",\"cpu\":")
                body.append(number: sample.cpu)
            }
            body.append("}\n")
        }
        request.removeAll()
        request.append(
            text:
                "POST \(target.prefix)/ingest?verdicts=all HTTP/1.1\r\nHost: \(target.hostHeader)\r\n"
        )
        if !token.isEmpty { request.append(text: "Authorization: Bearer \(token)\r\n") }
        if retryLimit > 0 {
            requests += 1
            keys.appendHeader(requests, to: &request)
        }
        request.append("Content-Type: application/x-ndjson\r\nContent-Length: ")
        request.append(integer: body.count)
        request.append("\r\n\r\n")
        request.append(body.readable)
    }
}
