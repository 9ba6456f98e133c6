internal import Bytes
internal import Compression
internal import Wire
internal import Detection
internal import HTTP
internal import Redis
internal import SeriesLog
internal import Signals

/// The parsers that read bytes from outside, each with valid examples and a check for any input.
enum FuzzTarget: String, CaseIterable {
    case canary, head, body, response, json, samples, lines, configuration, query, checkpoint, csv
    case entry, remote, coded

    private static let conversation =
        "POST /ingest?verdicts=all HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k-1\r\n"
        + "Content-Length: 7\r\n\r\n{\"a\":1}"
    private static let chunks =
        "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "4;ext=1\r\nWiki\r\n00A\r\npedia in\r\n\r\n0\r\nT: x\r\n\r\n"

    /// Valid inputs, from which the fuzzer makes others.
    var examples: [[UInt8]] {
        let texts: [String] =
            switch self {
            case .canary: ["abcdef", "xyz"]
            case .head, .body:
                [
                    Self.conversation, Self.chunks, Self.conversation + Self.chunks,
                    "GET /analyze HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
                ]
            case .response:
                [
                    "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc",
                    "HTTP/1.0 503 x\r\nRetry-After: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                ]
            case .json: [#"{"a":[1,-2.5e3,"\u00e9\ud83d\ude00",null,true,false,{}]}"#, "[[[]]]"]
            case .samples:
                [
                    #"{"timestamp":1735100000,"cpu":60.5,"rps":2000,"device_id":"caf\u00e9"}"#,
                    #"[{"cpu":1,"rps":2},{"cpu":1}]"#,
                    "{\"cpu\":1,\"rps\":2}\n{\"cpu\":1,\"rps\":3}\n",
                ]
            case .lines:
                [
                    "m,host=a\\ b,device=c rps=1i,cpu=2.5,t=\"x\\\"y\" 1700000000000000000\n# c\n",
                    "cpu,host=a usage_idle=99,up=true\nm value=-1e3\n",
                ]
            case .configuration:
                ["--port=80\n--series-ttl\n5m", "--store\nmemory\n--z-threshold=2.5\n--help"]
            case .query: ["verdicts=all&device_id=a%20b&limit=10&after=x+y&alerts=true"]
            case .checkpoint, .coded: []
            case .entry:
                [
                    "\u{1}\0\u{4}writer..number..\0\0\0\0\0\0\0\0\u{1}\0\0\0\0\0\0\0"
                        + "\u{1}\u{1}\0\0\u{3}abctimestam.rps.....cpu....",
                    "1700000000000000-12",
                    "9223372036854775807-18446744073709551615",
                    "MOVED 3999 127.0.0.1:6381", "ASK 1 ::1:7000", "LOADING soon",
                ]
            case .remote:
                [
                    "\n2\n\u{10}\n\u{8}__name__\u{12}\u{4}load\n\u{d}\n\u{8}instance\u{12}\u{1}a"
                        + "\u{12}\u{f}\t\0\0\0\0\0\0\0@\u{10}\u{1}\u{1}\u{1}\u{1}\u{1}"
                ]
            case .csv: ["timestamp,value,label\n\"2017-11-01T00:00:00Z\",49.6,0\n17,1e3,1\n"]
            }
        if self == .checkpoint { return [Self.checkpointExample()] }
        if self == .coded { return CodedInput.examples }
        return texts.map { Array($0.utf8) }
    }

    /// Bytes that have a meaning in the format of the target.
    var alphabet: [UInt8] {
        switch self {
        case .head, .body, .response: Array("\r\n :;,?/09afGHTP.1-chunked\t\u{0}\u{7F}".utf8)
        case .canary: Array("qwerty".utf8)
        default: Array("{}[]\",:.eE+-0123456789\\u%&=\n\r\t tfn/".utf8) + [0, 0x80, 0xC3, 0xFF]
        }
    }

    private static func checkpointExample() -> [UInt8] {
        var parameters = FoldParameters()
        parameters.windowSize = 4
        var fold = SeriesFold(parameters)
        for index in 0..<30 {
            _ = fold.fold(
                Sample(timestamp: Double(index) * 300, cpu: 1, rps: Double(index % 5)), parameters)
        }
        return fold.encode(parameters)
    }

    /// Passes the input to the parser.
    /// - Returns: a description of a wrong result, or nil. A worse fault traps.
    func check(_ input: [UInt8], cut: Int) -> String? {
        switch self {
        case .canary: input.contains(UInt8(ascii: "q")) ? "the planted fault" : nil
        case .head: checkHead(input)
        case .body: checkConversation(input, cut)
        case .response: checkResponse(input)
        case .json: checkJSON(input)
        case .samples: checkSamples(input)
        case .lines: checkLines(input)
        case .remote: checkRemote(input)
        case .coded: CodedInput.check(input)
        case .configuration: checkConfiguration(input)
        case .query: checkQuery(input)
        case .checkpoint: checkCheckpoint(input)
        case .csv: checkCSV(input)
        case .entry: checkEntry(input, cut)
        }
    }

    /// Other programs may write to a stream: decoding must return only samples that a fold accepts.
    private func checkEntry(_ input: [UInt8], _ cut: Int) -> String? {
        _ = ReplyFailure(input)
        if let id = EntryID(input.span), id.next <= id { return "no entry follows \(id)" }
        for sample in TurnCoding.samples(input.span) ?? [] {
            guard sample.isPlausible else { return "a sample no fold may be given: \(sample)" }
        }
        return nil
    }

    private func checkHead(_ input: [UInt8]) -> String? {
        guard let head = try? RequestHeadParser.parse(input.span, HTTPLimits()) else { return nil }
        let ranges = [head.path, head.query, head.accept, head.authorization, head.contentCoding]
        guard ranges.allSatisfy({ $0.start <= $0.end && $0.end <= head.byteCount }),
            head.byteCount <= input.count
        else { return "a range outside the head" }
        if case .key(let key) = head.idempotencyKey {
            guard key.start < key.end, key.end <= head.byteCount, key.count <= KeyHeader.limit,
                (key.start..<key.end).allSatisfy({ (0x21...0x7E).contains(input[$0]) })
            else { return "a key that is not allowed" }
        }
        _ = Endpoint(path: head.path, input.span).route(head.method)
        return nil
    }

    /// The result must not depend on how the bytes are cut into pieces.
    private func checkConversation(_ input: [UInt8], _ cut: Int) -> String? {
        // An incomplete head is parsed again only when a line ends, so both inputs end with one.
        let lineEnd = [UInt8(ascii: "\n")]
        let whole = Self.transcript([input, lineEnd])
        let pieces = Self.transcript([Array(input[..<cut]), Array(input[cut...]), lineEnd])
        return whole == pieces ? nil : "cut at \(cut): \(pieces)\nuncut: \(whole)"
    }

    private static func transcript(_ pieces: [[UInt8]]) -> [String] {
        var limits = HTTPLimits()
        limits.bodyBytes = 512
        var machine = RequestMachine(limits)
        var buffer = ByteBuffer(limit: 1 << 20)
        var lines: [String] = []
        for piece in pieces {
            buffer.append(piece.span)
            var isWaiting = false
            while !isWaiting {
                switch machine.next(buffer.readable) {
                case .needMore: isWaiting = true
                case .head(let head):
                    lines.append("head \(head.byteCount) \(head.method) \(head.framing)")
                    if head.method == .post {
                        if machine.acceptBody(head) != nil { lines.append("too large") }
                    } else {
                        lines.append("\(machine.discardBody(head))")
                    }
                    buffer.consume(head.byteCount)
                case .sendContinue: break
                case .body(let length):
                    lines.append(String(buffer.readable.extracting(0..<length)))
                    buffer.consume(length)
                case .chunkedBody:
                    lines.append(String(machine.chunkedBody.readable))
                    machine.finishChunkedBody()
                case .consumed(let count): buffer.consume(count)
                case .refuse(let refusal): lines.append("\(refusal.status)")
                }
            }
        }
        return lines
    }

    private func checkResponse(_ input: [UInt8]) -> String? {
        guard let summary = try? ResponseParser.parse(input.span) else { return nil }
        return summary.byteCount <= input.count ? nil : "a head longer than its bytes"
    }

    private func checkJSON(_ input: [UInt8]) -> String? {
        var cursor = JSONCursor(input.span)
        guard (try? cursor.skipValue()) != nil else { return nil }
        return cursor.offset <= input.count ? nil : "read past the end"
    }

    private func checkLines(_ input: [UInt8]) -> String? {
        var batch = SampleBatch()
        let ignored = batch.decode(lines: input.span, .nanoseconds, now: 1)
        let lines = batch.samples.count + batch.rejected + ignored
        guard lines <= input.count else { return "more lines than bytes" }
        return checkSamples(of: batch)
    }

    private func checkRemote(_ input: [UInt8]) -> String? {
        var joined = RemoteWrite.Names()
        joined.rps = "load"
        joined.cpu = "busy"
        for names in [RemoteWrite.Names(), joined] {
            var batch = SampleBatch()
            guard (try? batch.decode(remoteWrite: input.span, names)) != nil else { return nil }
            guard batch.samples.count + batch.rejected <= input.count else {
                return "more samples than bytes"
            }
            if let fault = checkSamples(of: batch) { return fault }
        }
        return nil
    }

    private func checkSamples(of batch: borrowing SampleBatch) -> String? {
        for decoded in batch.samples {
            let sample = decoded.sample
            guard sample.isPlausible, sample.rps >= 0 || decoded.isValue, sample.timestamp >= 0,
                sample.timestamp <= 1e11
            else { return "a sample outside the contract: \(sample)" }
            let name = batch.name(decoded)
            guard name.count == 0 || DeviceName.isValid(name) else { return "a bad device name" }
        }
        return nil
    }

    private func checkSamples(_ input: [UInt8]) -> String? {
        var batch = SampleBatch()
        do throws(SampleError) { try batch.decode(input.span, now: 1) } catch { return nil }
        if let fault = checkSamples(of: batch) { return fault }
        return batch.samples.count + batch.rejected > 0 ? nil : "neither good nor bad samples"
    }

    private func checkConfiguration(_ input: [UInt8]) -> String? {
        let arguments = String(decoding: input, as: UTF8.self).split(separator: "\n").map(
            String.init)
        do throws(ConfigurationError) {
            let read = try CommandLineReader.read(arguments) {
                $0 == "PORT" ? arguments.first : nil
            }
            guard case .serve(let configuration) = read else { return nil }
            return (0...65_535).contains(configuration.port) && configuration.windowSize >= 2
                ? nil : "a configuration out of range"
        } catch {
            return error.description.isEmpty ? "an error without words" : nil
        }
    }

    private func checkQuery(_ input: [UInt8]) -> String? {
        guard let query = try? Query(ByteRange(0, input.count), input.span) else { return nil }
        if let limit = query.limit, !(1...Query.pageLimit).contains(limit) { return "a bad limit" }
        if let device = query.deviceID, !DeviceName.isValid(device.span) { return "a bad device" }
        return nil
    }

    private func checkCheckpoint(_ input: [UInt8]) -> String? {
        var parameters = FoldParameters()
        parameters.windowSize = 4
        guard var fold = try? SeriesFold(decoding: input.span, parameters) else { return nil }
        for index in 0..<40 {
            _ = fold.fold(Sample(timestamp: Double(index), cpu: 1, rps: Double(index)), parameters)
        }
        return nil
    }

    private func checkCSV(_ input: [UInt8]) -> String? {
        guard let series = try? SeriesFile.parse(input.span, name: "x") else { return nil }
        return series.samples.allSatisfy { $0.rps.isFinite && $0.cpu >= 0 } ? nil : "a negative cpu"
    }
}
