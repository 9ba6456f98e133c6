internal import Bytes
internal import System
internal import HTTP
internal import Options
internal import Scoring
internal import Signals

/// `synthetic replay`: sends series through a running service and keeps what it says.
struct ReplayCommand {
    /// Tries for one batch while the service answers 503 or 429.
    private static let attemptLimit = 20

    private let target: Target
    private let data: String
    private let verdicts: String
    private let batchSize: Int
    private let devicePrefix: String
    private let token: String

    init(_ options: inout Options) throws(OptionError) {
        target = try Target(try options.required("--target", "http://host:port"))
        data = try options.required("--data", "a CSV file or a folder of them")
        verdicts = try options.required("--out", "the file to write verdicts to")
        batchSize = try options.integer("--batch", 500, in: 1...10_000)
        devicePrefix = options.text("--device-prefix") ?? ""
        token = options.text("--token") ?? ""
    }

    func run() throws(CommandError) {
        let series = try DataFolder.load(data)
        var output = ByteBuffer(limit: Files.sizeLimit)
        output.append(VerdictFile.header)
        do throws(ExchangeError) {
            var connection = try BlockingConnection(target)
            for one in series { try replay(one, &connection, &output) }
        } catch {
            throw CommandError(error.description)
        }
        do throws(FileError) { try Files.write(verdicts, output.readable) } catch {
            throw CommandError(error.description)
        }
        let samples = series.reduce(0) { $0 + $1.samples.count }
        StandardStreams.writeOutput("\(series.count) series, \(samples) samples: \(verdicts)\n")
    }

    private func replay(
        _ series: LabelledSeries, _ connection: inout BlockingConnection,
        _ output: inout ByteBuffer
    ) throws(ExchangeError) {
        var start = 0
        while start < series.samples.count {
            let end = min(series.samples.count, start + batchSize)
            let batch = try send(series, start..<end, &connection)
            guard batch.rejected == 0, batch.verdicts.count == end - start else {
                throw ExchangeError(
                    "\(series.name): of samples \(start) to \(end - 1) the service rejected "
                        + "\(batch.rejected) and judged \(batch.verdicts.count)")
            }
            for (index, judgment) in batch.verdicts {
                guard index < end - start else {
                    throw ExchangeError("\(series.name): a verdict on a sample that was not sent")
                }
                VerdictFile.append(series, start + index, judgment, to: &output)
            }
            start = end
        }
    }

    private func send(
        _ series: LabelledSeries, _ range: Range<Int>, _ connection: inout BlockingConnection
    ) throws(ExchangeError) -> VerdictReader.Batch {
        var request = ByteBuffer(limit: 64 * 1024 * 1024)
        render(series, range, &request)
        for _ in 0..<ReplayCommand.attemptLimit {
            let answer = try connection.exchange(request)
            if answer.status == 503 || answer.status == 429 {
                Clock.sleep(.seconds(max(1, min(30, answer.retryAfterSeconds ?? 1))))
                continue
            }
            // A batch of one is answered by its verdict alone.
            if answer.status == 202, range.count == 1,
                let judgment = try? VerdictReader.single(answer.body.span)
            {
                var batch = VerdictReader.Batch()
                batch.accepted = 1
                batch.verdicts = [(0, judgment)]
                return batch
            }
            guard answer.status == 202, let batch = try? VerdictReader.batch(answer.body.span)
            else {
                throw ExchangeError(
                    "\(series.name): status \(answer.status): "
                        + String(decoding: answer.body.prefix(300), as: UTF8.self))
            }
            return batch
        }
        throw ExchangeError("\(series.name): the service is unavailable, tried 20 times")
    }

    private func render(
        _ series: LabelledSeries, _ range: Range<Int>, _ request: inout ByteBuffer
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
        request.append(text: "POST /ingest?verdicts=all HTTP/1.1\r\nHost: \(target.hostHeader)\r\n")
        if !token.isEmpty { request.append(text: "Authorization: Bearer \(token)\r\n") }
        request.append("Content-Type: application/x-ndjson\r\nContent-Length: ")
        request.append(integer: body.count)
        request.append("\r\n\r\n")
        request.append(body.readable)
    }
}
