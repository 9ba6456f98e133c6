internal import Bytes
internal import HTTPClient
internal import Options
internal import Scoring
internal import Signals
internal import System

/// `synthetic replay`: sends series through a running service and keeps what it says.
struct ReplayCommand {
    /// Tries for one batch while the service answers 503 or 429.
    private static let attemptLimit = 20
    /// A batch of the largest size, with names of the greatest length, is below it.
    private static let requestLimit = 64 * 1024 * 1024
    /// Its verdicts are below this.
    private static let bodyLimit = 64 * 1024 * 1024

    private let target: ServiceURL
    private let data: String
    private let verdicts: String
    private let batchSize: Int
    private let devicePrefix: String
    private let token: String
    private let timeout: TimeSpan

    init(_ options: inout Options) throws(OptionError) {
        target = try ServiceURL(
            try options.required("--target", "http://host:port"), flag: "--target")
        guard !target.isSecure else {
            throw OptionError("--target: https is not served here; allowed is http")
        }
        data = try options.required("--data", "a CSV file or a folder of them")
        verdicts = try options.required("--out", "the file to write verdicts to")
        batchSize = try options.integer("--batch", 500, in: 1...10_000)
        devicePrefix = options.text("--device-prefix") ?? ""
        token = options.text("--token") ?? ""
        timeout = .seconds(try options.seconds("--timeout", 30, in: 0.01...600))
    }

    func run() throws(CommandError) {
        let series = try DataFolder.load(data)
        var output = ByteBuffer(limit: Files.sizeLimit)
        output.append(VerdictFile.header)
        var client = try connect()
        for one in series { try replay(one, with: &client, into: &output) }
        do throws(FileError) { try Files.write(verdicts, output.readable) } catch {
            throw CommandError(error.description)
        }
        let samples = series.reduce(0) { $0 + $1.samples.count }
        StandardStreams.writeOutput("\(series.count) series, \(samples) samples: \(verdicts)\n")
    }

    private func connect() throws(CommandError) -> SynchronousClient {
        do throws(RequestError) {
            return try SynchronousClient(
                host: target.server.host, port: target.server.port, timeout: timeout,
                requestLimit: ReplayCommand.requestLimit, bodyLimit: ReplayCommand.bodyLimit)
        } catch {
            throw CommandError(error.description)
        }
    }

    private func replay(
        _ series: LabelledSeries, with client: inout SynchronousClient,
        into output: inout ByteBuffer
    ) throws(CommandError) {
        var start = 0
        while start < series.samples.count {
            let end = min(series.samples.count, start + batchSize)
            let batch = try send(series, start..<end, with: &client)
            guard batch.rejected == 0, batch.verdicts.count == end - start else {
                throw CommandError(
                    "\(series.name): of samples \(start) to \(end - 1) the service rejected "
                        + "\(batch.rejected) and gave verdicts on \(batch.verdicts.count)")
            }
            for (index, judgment) in batch.verdicts {
                guard index < end - start else {
                    throw CommandError("\(series.name): a verdict on a sample that was not sent")
                }
                VerdictFile.append(series, at: start + index, judgment, to: &output)
            }
            start = end
        }
    }

    /// Sends a batch until it is accepted: again where the service said that it took nothing (503,
    /// 429), never where nobody knows what it took.
    private func send(
        _ series: LabelledSeries, _ range: Range<Int>, with client: inout SynchronousClient
    ) throws(CommandError) -> VerdictReader.Batch {
        var request = ByteBuffer(limit: ReplayCommand.requestLimit)
        render(series, range, into: &request)
        for _ in 0..<ReplayCommand.attemptLimit {
            let response = try exchange(request, with: &client, series, samples: range)
            guard response.status == 503 || response.status == 429 else {
                return try verdicts(of: response, series, count: range.count)
            }
            Clock.sleep(.seconds(max(1, min(30, response.retryAfterSeconds ?? 1))))
        }
        throw CommandError(
            "\(series.name): the service is unavailable, tried \(ReplayCommand.attemptLimit) times")
    }

    private func exchange(
        _ request: borrowing ByteBuffer, with client: inout SynchronousClient,
        _ series: LabelledSeries, samples range: Range<Int>
    ) throws(CommandError) -> Response {
        do throws(RequestError) { return try client.exchange(request) } catch {
            let what = "\(series.name), samples \(range.lowerBound) to \(range.upperBound - 1)"
            switch error.outcome {
            case .notSent: throw CommandError("\(what): not sent: \(error.description)")
            case .unknown:
                throw CommandError(
                    "\(what): outcome unknown: \(error.description); the service may have counted "
                        + "them or not, so they are not sent again, and no verdicts are written")
            }
        }
    }

    private func verdicts(of response: Response, _ series: LabelledSeries, count: Int)
        throws(CommandError) -> VerdictReader.Batch
    {
        // A batch of one is answered by its verdict alone.
        if response.status == 202, count == 1,
            let judgment = try? VerdictReader.single(response.body.span)
        {
            var batch = VerdictReader.Batch()
            batch.accepted = 1
            batch.verdicts = [(0, judgment)]
            return batch
        }
        guard response.status == 202, let batch = try? VerdictReader.batch(response.body.span)
        else {
            throw CommandError(
                "\(series.name): status \(response.status): "
                    + String(decoding: response.body.prefix(300), as: UTF8.self))
        }
        return batch
    }

    private func render(
        _ series: LabelledSeries, _ range: Range<Int>, into request: inout ByteBuffer
    ) {
        var body = ByteBuffer(limit: 32 * 1024 * 1024)
        for index in range {
            let sample = series.samples[index]
            body.append("{\"device_id\":")
            body.append(jsonString: devicePrefix + series.name)
            body.append(",\"timestamp\":")
            body.append(number: sample.timestamp)
            body.append(",\"rps\":")
            body.append(number: sample.rps)
            body.append(",\"cpu\":")
            body.append(number: sample.cpu)
            body.append("}\n")
        }
        request.append(
            text:
                "POST \(target.prefix)/ingest?verdicts=all HTTP/1.1\r\nHost: \(target.hostHeader)\r\n"
        )
        if !token.isEmpty { request.append(text: "Authorization: Bearer \(token)\r\n") }
        request.append("Content-Type: application/x-ndjson\r\nContent-Length: ")
        request.append(integer: body.count)
        request.append("\r\n\r\n")
        request.append(body.readable)
    }
}
