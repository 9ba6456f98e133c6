import Foundation
import Synchronization
import TestSupport
import Testing

private func key(of request: String) -> String? {
    request.components(separatedBy: "\r\n").first { $0.hasPrefix("Idempotency-Key: ") }
}

/// `synthetic replay` against services that do not behave.
@Suite(.serialized) struct ReplayTests {
    private func replay(_ port: UInt16, _ more: [String] = []) throws
        -> (status: Int32, output: String, verdicts: String?, score: String)
    {
        let data = Programs.temporaryPath(".csv")
        let verdicts = Programs.temporaryPath(".verdicts")
        defer {
            for path in [data, verdicts] { try? FileManager.default.removeItem(atPath: path) }
        }
        try "timestamp,rps,cpu\n1,100,10\n2,101,11\n3,99,12\n".write(
            toFile: data, atomically: true, encoding: .utf8)
        let run = try Programs.run(
            Programs.folder + "/synthetic",
            [
                "replay", "--target", "http://127.0.0.1:\(port)", "--data", data, "--out",
                verdicts,
            ] + more)
        let score = try Programs.run(
            Programs.folder + "/synthetic", ["score", "--data", data, "--verdicts", verdicts])
        return (
            run.status, run.output, try? String(contentsOfFile: verdicts, encoding: .utf8),
            score.output
        )
    }

    private static let verdict =
        #"{"timestamp":1,"z_score":0,"is_anomaly":false,"score":0,"alert":false}"#

    /// Answers the requests of all connections in turn; nil cuts the connection.
    private func server(_ answers: [(status: String, body: String)?]) throws -> TalkingServer {
        let turn = Atomic(0)
        return try TalkingServer { visit in
            while visit.request() != nil {
                let number = turn.add(1, ordering: .relaxed).oldValue
                guard let answer = answers[min(number, answers.count - 1)] else { return }
                visit.respond(answer.body, status: answer.status)
            }
        }
    }

    @Test("a series with negative values is sent as another metric, and judged as it is")
    func sendsAnyMetric() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/t.csv"
        let lines = (0..<40).map { "\($0),\($0 % 5 - 20)\n" }.joined()
        try ("timestamp,value\n" + lines).write(toFile: data, atomically: true, encoding: .utf8)
        try Programs.withService { port, _ in
            let (status, output) = try Programs.run(
                Programs.folder + "/synthetic",
                [
                    "replay", "--target", "http://127.0.0.1:\(port)", "--data", data, "--out",
                    folder.path + "/v",
                ])
            #expect(status == 0 && output.contains("40 samples"), "\(output)")
            let (_, series) = try Programs.run(
                "curl", ["-sS", "http://127.0.0.1:\(port)/series?device_id=t&limit=1"])
            #expect(series.contains("\"rps\":-20,") && !series.contains("cpu"), "\(series)")
            let (_, fleet) = try Programs.run("curl", ["-sS", "http://127.0.0.1:\(port)/stats"])
            #expect(fleet.contains("\"count\":0"), "\(fleet)")
        }
    }

    @Test("a batch that was cut is sent again, and what had been stored gets no invented verdict")
    func inventsNoVerdicts() throws {
        let good = ("202 Accepted", ReplayTests.verdict)
        let note = #"{"status":"accepted","duplicate":true,"accepted":1,"duplicates":1}"#
        let server = try server([good, nil, ("202 Accepted", note), good])
        defer { server.stop() }
        let run = try replay(server.port, ["--batch", "1"])
        #expect(run.status == 0, "\(run.output)")
        #expect(run.output.contains("3 samples, 1 retries"), "\(run.output)")
        #expect(run.output.contains("samples without a verdict in the file: 1"), "\(run.output)")
        let rows = (run.verdicts ?? "").split(separator: "\n").dropFirst()
        #expect(rows.map { $0.split(separator: ",")[1] } == ["0", "2"], "\(run.verdicts ?? "")")
        #expect(run.score.contains("no verdict on samples 1 to 1"), "\(run.score)")
        let requests = server.requests
        #expect(requests.count == 4 && requests[1] == requests[2])
        #expect(Set(requests.compactMap(key)).count == 3)
    }

    @Test("of a batch that was stored in part the new verdicts stand at their samples")
    func finishesBatches() throws {
        let verdicts = (1...2).map { ReplayTests.verdict.replacing("{", with: "{\"index\":\($0),") }
        let rest =
            #"{"status":"accepted","accepted":3,"rejected":0,"duplicate":true,"duplicates":1,"#
            + #""verdicts":[\#(verdicts.joined(separator: ","))]}"#
        let server = try server([("503 Wait", ""), ("202 Accepted", rest)])
        defer { server.stop() }
        let run = try replay(server.port)
        #expect(run.status == 0, "\(run.output)")
        let rows = (run.verdicts ?? "").split(separator: "\n").dropFirst()
        #expect(rows.map { $0.split(separator: ",")[1] } == ["1", "2"], "\(run.verdicts ?? "")")
        #expect(run.output.contains("samples without a verdict in the file: 1"), "\(run.output)")
        let wrong = try self.server([
            ("202 Accepted", rest.replacing(#""duplicates":1"#, with: #""duplicates":2"#))
        ])
        defer { wrong.stop() }
        let refused = try replay(wrong.port)
        #expect(refused.status == 1 && refused.verdicts == nil)
        #expect(refused.output.contains("called 2 repeated"), "\(refused.output)")
    }

    @Test(
        "what is still unknown after the last retry ends the replay, also where that was refused",
        arguments: [true, false])
    func givesUp(_ isRefused: Bool) throws {
        let last: (String, String)? = isRefused ? ("503 No", "") : nil
        let server = try server([("202 Accepted", ReplayTests.verdict), nil, last])
        defer { server.stop() }
        let run = try replay(server.port, ["--batch", "1", "--retries", "2"])
        #expect(run.status == 1 && run.verdicts == nil)
        #expect(run.output.contains("samples 1 to 1: outcome unknown"), "\(run.output)")
        #expect(run.output.contains("sent 3 times"), "\(run.output)")
        let requests = server.requests
        #expect(requests.count == 4 && Set(requests.dropFirst()).count == 1)
    }

    @Test("without retries a batch is sent once, has no key, and a 503 ends the replay")
    func sendsOnce() throws {
        let server = try server([("503 No", "")])
        defer { server.stop() }
        let run = try replay(server.port, ["--retries", "0"])
        #expect(run.status == 1 && run.output.contains("status 503, sent once"), "\(run.output)")
        #expect(server.requests.count == 1 && key(of: server.requests[0]) == nil)
        let wrong = try replay(1, ["--retries", "101"])
        #expect(wrong.status == 64 && wrong.output.contains("--retries"), "\(wrong.output)")
    }

    @Test("without retries a batch whose answer comes too late has an unknown outcome")
    func tellsUnknownOutcome() throws {
        let server = try TalkingServer { visit in
            var batches = 0
            while visit.request() != nil {
                // The first batch is answered, so that the connection is one that was kept.
                batches += 1
                if visit.number > 0 || batches > 1 { visit.sleep(1) }
                visit.respond(
                    #"{"timestamp":1,"z_score":0,"is_anomaly":false,"score":0,"alert":false}"#,
                    status: "202 Accepted")
            }
        }
        defer { server.stop() }
        let run = try replay(server.port, ["--batch", "1", "--timeout", "300ms", "--retries", "0"])
        #expect(run.status == 1)
        #expect(run.output.contains("samples 1 to 1: outcome unknown"), "\(run.output)")
        #expect(run.verdicts == nil)
        Thread.sleep(forTimeInterval: 1.2)
        #expect(server.requests.count == 2)
    }

    @Test("a batch that the service did not take is sent again")
    func repeatsWhatWasNotTaken() throws {
        let server = try TalkingServer { visit in
            var turn = 0
            while visit.request() != nil {
                turn += 1
                if turn == 1 {
                    visit.respond("", status: "503 No", headers: "Retry-After: 1\r\n")
                } else {
                    visit.respond(
                        #"{"timestamp":1,"z_score":0,"is_anomaly":false,"score":0,"alert":false}"#,
                        status: "202 Accepted")
                }
            }
        }
        defer { server.stop() }
        let run = try replay(server.port, ["--batch", "1"])
        #expect(run.status == 0, "\(run.output)")
        #expect(server.requests.count == 4)
        #expect(run.verdicts?.split(separator: "\n").count == 4)
    }
}
