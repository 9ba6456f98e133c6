import Bytes
import Detection
import Foundation
import HTTP
import Testing
import Wire

@Suite struct AnswerTests {
    private let frame = AnalysisFrame(windowSize: 50, computedAt: 1_700_000_000)

    private func text(_ answer: Answer) -> String {
        var buffer = ByteBuffer(limit: 1 << 20)
        buffer.append(answer, frame)
        return buffer.text
    }

    private var verdict: Verdict {
        var verdict = Verdict()
        verdict.sequence = 3
        verdict.timestamp = 17.5
        verdict.rollingAverage = 2
        verdict.standardDeviation = 0.5
        verdict.zScore = -1
        verdict.isAnomaly = true
        verdict.score = 9
        verdict.expected = 4
        verdict.lower = 3
        verdict.upper = 5
        verdict.alert = true
        verdict.reason = .spike
        return verdict
    }

    private var summary: SeriesSummary {
        var summary = SeriesSummary.empty
        summary.windowCount = 2
        summary.mean = 2
        summary.standardDeviation = 0.5
        summary.cpuMean = 10
        summary.cpuStandardDeviation = 1
        summary.lastSample = Sample(timestamp: 17.5, cpu: 11, rps: 2.5)
        summary.lastVerdict = verdict
        summary.anomalies = 1
        summary.alerts = 1
        return summary
    }

    @Test("a constant is itself, with 200")
    func writesConstants() {
        #expect(text(.constant("{\"status\":\"ready\"}")) == "{\"status\":\"ready\"}")
        #expect(Answer.constant("").head.status == .ok)
    }

    @Test("an analysis has the words of all dialects")
    func writesAnalyses() {
        #expect(
            text(.analysis(summary))
                == #"{"count":2,"windowSize":50,"rollingAvg":2,"stdDev":0.5,"zScore":-1,"#
                + #""isAnomaly":true,"lastRps":2.5,"lastCpu":11,"computedAt":1700000000,"#
                + #""rolling_average":2,"mean":2,"std_dev":0.5,"anomaly_count":1,"#
                + #""total_processed":3,"anomaly_rate":33.333333333333336,"window_size":50,"#
                + #""cpu":{"mean":10,"std_dev":1,"z_score":0},"score":9,"alert":true,"#
                + #""alert_count":1}"#)
    }

    @Test("before the first sample an analysis has zeros, and no NaN")
    func writesEmptyAnalyses() {
        let empty = text(.analysis(.empty))
        #expect(empty.contains(#""anomaly_rate":0,"#))
        #expect(empty.contains(#""count":0,"#))
        #expect(!empty.contains("nan"))
    }

    @Test("statistics have the words of their dialect")
    func writesStats() {
        #expect(
            text(.stats(summary))
                == #"{"count":2,"avg_cpu":10,"avg_rps":2,"last_cpu":11,"last_rps":2.5,"#
                + #""last_timestamp":17.5,"z_score":-1,"is_anomaly":true}"#)
    }

    @Test("a page of devices names the next one only when it is full")
    func writesPages() {
        let rows = ["a\"b", "c"].map { DevicePage.Row(name: Array($0.utf8), summary: summary) }
        let full = text(.devices(DevicePage(rows: rows, total: 9, limit: 2)))
        #expect(
            full.hasPrefix(
                #"{"devices":[{"device_id":"a\"b","last_timestamp":17.5,"total_processed":3,"#
                    + #""rolling_avg":2,"last_rps":2.5,"last_cpu":11,"is_anomaly":true,"#
                    + #""alert":true},{"#))
        #expect(full.hasSuffix(#"],"total":9,"next":"c"}"#))
        let last = text(.devices(DevicePage(rows: rows, total: 2, limit: 100)))
        #expect(last.hasSuffix(#"],"total":2}"#))
        let none = text(.devices(DevicePage(rows: [], total: 0, limit: 100)))
        #expect(none == #"{"devices":[],"total":0}"#)
    }

    @Test("anomalies are listed as they were written")
    func writesAnomalies() {
        var buffer = ByteBuffer(limit: 4096)
        buffer.append(
            flagged: Sample(timestamp: 17.5, cpu: 11, rps: 2.5), verdict,
            device: Array("d".utf8).span)
        let object = Array(buffer.text.utf8)
        #expect(text(.anomalies([])) == #"{"anomalies":[]}"#)
        #expect(
            text(.anomalies([object, object]))
                == #"{"anomalies":["# + String(decoding: object, as: UTF8.self) + ","
                + String(decoding: object, as: UTF8.self) + "]}")
        #expect(
            String(decoding: object, as: UTF8.self)
                == #"{"rps":2.5,"cpu":11,"device_id":"d","timestamp":17.5,"sequence":3,"#
                + #""rolling_avg":2,"std_dev":0.5,"z_score":-1,"is_anomaly":true,"#
                + #""cpu_z_score":0,"score":9,"expected":4,"lower":3,"upper":5,"alert":true,"#
                + #""reason":"spike"}"#)
    }

    @Test("every answer is JSON")
    func writesJSON() throws {
        let rows = [DevicePage.Row(name: Array("é\u{1F600}".utf8), summary: summary)]
        let answers: [Answer] = [
            .analysis(summary), .stats(summary), .anomalies([]),
            .devices(DevicePage(rows: rows, total: 1, limit: 1)), .problem(.noSuchPath),
        ]
        for answer in answers {
            _ = try JSONSerialization.jsonObject(with: Data(text(answer).utf8))
        }
    }
}

@Suite struct ProblemTests {
    @Test(
        "each problem has its status and names what is wrong",
        arguments: [
            (Problem.noSuchPath, HTTPStatus.notFound, "no such path"),
            (.methodNotAllowed(.ingest), .methodNotAllowed, "the path allows POST, OPTIONS"),
            (.unauthorized(isRead: false), .unauthorized, "a POST needs the header Authorization"),
            (
                .overQuota(requestsPerSecond: 5, retryAfterSeconds: 2), .tooManyRequests,
                "over 5 requests a second"
            ),
            (.lengthRequired, .lengthRequired, "a POST needs Content-Length"),
            (.unsupportedCoding(isRemoteWrite: false), .unsupportedMediaType, "Content-Encoding"),
            (.noGoodSample(rejected: 3, first: nil), .badRequest, "no good sample among 3"),
            (.unknownDevice(parameter: "after"), .notFound, "after: no such device"),
            (.notReady("the process is stopping"), .serviceUnavailable, "the process"),
            (.unavailable(.queueFull), .serviceUnavailable, "too many samples wait"),
            (.unreadable(HTTPRefusal(.uriTooLong, "too long")), .uriTooLong, "too long"),
        ] as [(Problem, HTTPStatus, String)])
    func hasAStatus(_ problem: Problem, status: HTTPStatus, detail: String) throws {
        #expect(problem.head.status == status)
        #expect(problem.detail.hasPrefix(detail), "\(problem.detail)")
        var buffer = ByteBuffer(limit: 4096)
        buffer.append(problem, status)
        let object = try JSONSerialization.jsonObject(with: Data(buffer.text.utf8))
        let members = try #require(object as? [String: Any])
        #expect(Set(members.keys) == ["type", "title", "status", "detail"])
        #expect(members["status"] as? Int == Int(status.rawValue))
    }

    @Test("what may be tried again says when, and what is not allowed says what is")
    func hasItsHeaders() {
        #expect(Problem.unavailable(.timedOut).head.retryAfterSeconds == 1)
        #expect(
            Problem.overQuota(requestsPerSecond: 1, retryAfterSeconds: 7).head.retryAfterSeconds
                == 7)
        #expect(Problem.noSuchPath.head.retryAfterSeconds == nil)
        #expect(
            Problem.methodNotAllowed(.metrics).head.allow.map { "\($0)" }
                == "GET, HEAD, POST, OPTIONS")
        #expect(Problem.unauthorized(isRead: false).head.asksForBearerToken)
    }

    @Test("a request that is stored in part says how many samples are")
    func tellsOfParts() {
        var text = ByteBuffer(limit: 1024)
        text.append(.storedPartly(.queueFull, accepted: 12), .serviceUnavailable)
        #expect(text.text.hasSuffix("\"too many samples wait for the store\",\"accepted\":12}"))
    }
}
