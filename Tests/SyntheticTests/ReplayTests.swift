import Foundation
import TestSupport
import Testing

/// `synthetic replay` against services that do not behave.
@Suite(.serialized) struct ReplayTests {
    private func replay(_ port: UInt16, _ more: [String] = []) throws
        -> (status: Int32, output: String, verdicts: String?)
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
        return (run.status, run.output, try? String(contentsOfFile: verdicts, encoding: .utf8))
    }

    @Test("a batch whose answer comes too late is not sent again, and its outcome is told")
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
        let run = try replay(server.port, ["--batch", "1", "--timeout", "300ms"])
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
