internal import Bytes
internal import HTTPClient
internal import Options
internal import Report
internal import Scoring
internal import System
internal import TLS

/// `synthetic score --feedback URL`: what people found out about the incidents of a running
/// service.
struct FeedbackCommand {
    private static let pageLimit = 1_000
    /// Pages of a service's incidents at most; it keeps 100,000.
    private static let pagesLimit = 1_000
    private static let timeout = TimeSpan.seconds(30)
    private static let bodyLimit = 64 << 20

    /// Incidents of one reason, or of all.
    struct Count {
        var incidents = 0
        var real = 0
        var falseAlarms = 0

        /// Of those that people judged, the share that was real; nil where they judged none.
        var precision: Double? {
            let judged = real + falseAlarms
            return judged > 0 ? Double(real) / Double(judged) : nil
        }
    }

    private let service: ServiceURL
    private let authorities: String
    private let token: String
    private let json: String?
    private let markdown: String?
    private let thresholds: [Threshold]

    init(_ options: inout Options) throws(OptionError) {
        service = try ServiceURL(
            try options.required("--feedback", "http(s)://host:port"), flag: "--feedback")
        authorities = options.text("--ca") ?? TLSContext.systemAuthorities
        token = options.text("--token") ?? ""
        json = options.text("--json")
        markdown = options.text("--markdown")
        do throws(ThresholdError) {
            thresholds = try Threshold.parseAll(options.text("--slo") ?? "")
        } catch {
            throw OptionError("--slo: \(error.description)")
        }
        let known = FeedbackCommand.measurements(of: [:]).values
        for threshold in thresholds
        where known[threshold.name] == nil && threshold.name != "feedback.precision" {
            throw OptionError(
                "--slo: \"\(threshold.text)\": feedback has no \(threshold.name); it has "
                    + "feedback.precision, feedback.incidents, feedback.judged, feedback.real and "
                    + "feedback.false_alarms")
        }
    }

    /// - Returns: the exit status: 0 done, 99 a threshold fell short.
    func run() throws(CommandError) -> Int32 {
        let counts = try read()
        let table = FeedbackCommand.table(of: counts)
        StandardStreams.writeOutput(table)
        let measured = FeedbackCommand.measurements(of: counts)
        do throws(FileError) {
            if let markdown {
                try Files.write(markdown, "# Incidents, as people judged them\n\n" + table)
            }
            if let json {
                let members = measured.values.sorted { $0.key < $1.key }.map { entry in
                    JSONNode.Member(entry.key, .number(entry.value))
                }
                try Files.write(json, JSONNode.object(members).line.readable)
            }
        } catch {
            throw CommandError(error.description)
        }
        let report = ThresholdReport(thresholds, measured)
        for line in report.outcomeLines() { StandardStreams.writeOutput(line + "\n") }
        return report.allHeld ? 0 : 99
    }

    // MARK: What was found

    private static func total(_ counts: [String: Count]) -> Count {
        counts.values.reduce(into: Count()) { total, count in
            total.incidents += count.incidents
            total.real += count.real
            total.falseAlarms += count.falseAlarms
        }
    }

    private static func measurements(of counts: [String: Count]) -> Measurements {
        let total = total(counts)
        var measured = Measurements()
        measured["feedback.incidents"] = Double(total.incidents)
        measured["feedback.judged"] = Double(total.real + total.falseAlarms)
        measured["feedback.real"] = Double(total.real)
        measured["feedback.false_alarms"] = Double(total.falseAlarms)
        measured["feedback.precision"] = total.precision
        return measured
    }

    private static func table(of counts: [String: Count]) -> String {
        var table = MarkdownTable([
            "reason", "incidents", "real", "false alarms", "not judged", "precision",
        ])
        func add(_ name: String, _ count: Count) {
            let precision = count.precision.map { share in
                "\(Double((share * 1000).rounded()) / 10) %"
            }
            table.add([
                name, "\(count.incidents)", "\(count.real)", "\(count.falseAlarms)",
                "\(count.incidents - count.real - count.falseAlarms)", precision ?? "–",
            ])
        }
        for (reason, count) in counts.sorted(by: { $0.key < $1.key }) { add(reason, count) }
        add("all", total(counts))
        return table.text
    }

    // MARK: Reading

    private func read() throws(CommandError) -> [String: Count] {
        var client = try connect()
        var counts: [String: Count] = [:]
        var after = ""
        for _ in 0..<FeedbackCommand.pagesLimit {
            let page = try page(after: after, &client)
            guard case .list(let incidents)? = page["incidents"] else {
                throw CommandError("\(service.text): that is no list of incidents")
            }
            for incident in incidents {
                guard case .text(let reason)? = incident["reason"] else { continue }
                counts[reason, default: Count()].incidents += 1
                switch incident["feedback"]?["real"] {
                case .boolean(true)?: counts[reason, default: Count()].real += 1
                case .boolean(false)?: counts[reason, default: Count()].falseAlarms += 1
                default: break
                }
            }
            guard case .text(let next)? = page["next"] else { return counts }
            after = next
        }
        throw CommandError("\(service.text): the list of incidents does not end")
    }

    private func connect() throws(CommandError) -> SynchronousClient {
        var security: HTTPConnection.Security?
        if service.isSecure {
            do throws(TLSError) {
                security = HTTPConnection.Security(
                    try TLSContext(trusting: .authorities(file: authorities)),
                    serverName: service.server.host)
            } catch {
                throw CommandError("--ca: \(error.description)")
            }
        }
        do throws(RequestError) {
            return try SynchronousClient(
                host: service.server.host, port: service.server.port, security: security,
                timeout: FeedbackCommand.timeout, requestLimit: 64 << 10,
                bodyLimit: FeedbackCommand.bodyLimit)
        } catch {
            throw CommandError(error.description)
        }
    }

    private func page(
        after: String, _ client: inout SynchronousClient
    ) throws(CommandError) -> JSONNode {
        var path = service.prefix + "/incidents?limit=\(FeedbackCommand.pageLimit)"
        if !after.isEmpty { path += "&after=\(PercentEncoding.encode(after))" }
        let authorization = token.isEmpty ? "" : "Authorization: Bearer \(token)\r\n"
        var request = ByteBuffer(limit: 64 << 10)
        request.append(
            text: "GET \(path) HTTP/1.1\r\nHost: \(service.hostHeader)\r\n\(authorization)\r\n")
        let response: Response
        do throws(RequestError) { response = try client.exchange(request) } catch {
            throw CommandError("\(service.text): \(error.description)")
        }
        guard response.status == 200 else {
            throw CommandError(
                "\(service.text): GET /incidents answers \(response.status): "
                    + String(decoding: response.body.prefix(200), as: UTF8.self))
        }
        do throws(JSONError) {
            return try JSONNode(object: response.body.span)
        } catch {
            throw CommandError("\(service.text): that is no JSON object")
        }
    }
}
