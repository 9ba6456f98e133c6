import Bytes
import Detection
import Foundation
import Numerics
import Signals
import TestSupport
import Testing

/// GET /explain says what was said when the sample came, bit for bit.
@Suite(.serialized) struct ExplainTests {
    /// Samples that are asked about, of each suite on each store. A campaign asks about more.
    private var asked: Int {
        ProcessInfo.processInfo.environment["EXPLAINED"].flatMap { Int($0) } ?? 40
    }
    private static let samples = 6_000

    private func ready(_ settings: [String: String]) throws -> RunningService {
        let service = try RunningService(settings)
        for _ in 0..<500 where try service.get("/ready").status != 200 { usleep(10_000) }
        return service
    }

    /// The verdicts' texts as they were answered, by sequence.
    private func send(
        _ series: ArraySlice<SignalSample>, _ device: String, to service: RunningService
    ) throws -> [Substring] {
        var verdicts: [Substring] = []
        for start in stride(from: 0, to: series.count, by: 500) {
            var body = ""
            for sample in series[start..<min(start + 500, series.count)] {
                body += "{\"timestamp\":\(sample.timestamp),\"cpu\":\(sample.cpu),"
                body += sample.rps < 0 ? "\"value\":" : "\"rps\":"
                body += "\(sample.rps),\"device_id\":\"\(device)\"}\n"
            }
            let answer = try service.post("/ingest?verdicts=all", body).body
            let list = try #require(answer.range(of: "\"verdicts\":[{"))
            let end = try #require(
                answer.range(of: "}]", range: list.upperBound..<answer.endIndex))
            let listed = answer[list.upperBound..<end.lowerBound]
            for part in listed.components(separatedBy: "},{") {
                // Without the sample's place in its request.
                verdicts.append(Substring(part).drop { $0 != "," }.dropFirst())
            }
        }
        return verdicts
    }

    /// - Returns: how many were explained; the others have left the history.
    private func compare(
        _ verdicts: [Substring], of device: String, by services: [RunningService],
        _ random: inout SeededRandom
    ) throws -> Int {
        var explained = 0
        for round in 0..<asked {
            let sequence = 1 + random.below(verdicts.count)
            let service = services[round % services.count]
            let answer = try service.get("/explain?device_id=\(device)&sequence=\(sequence)")
            if answer.status == 410 { continue }
            #expect(answer.status == 200, "\(device) \(sequence): \(answer.body)")
            let told = "\"verdict\":{" + verdicts[sequence - 1] + "},\"explanation\":"
            #expect(answer.body.contains(told), "\(device) \(sequence): \(answer.body)\n\(told)")
            explained += 1
        }
        return explained
    }

    /// - Parameter again: those that are asked afterwards, too.
    private func run(
        _ services: [RunningService], leastShare: Double,
        again: () throws -> [RunningService]? = { nil }
    ) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var all: [String: [Substring]] = [:]
        for suite in Suite.all {
            let series = try #require(suite.series(seed: seed).first)
            let samples = series.samples.prefix(ExplainTests.samples)
            let verdicts = try send(samples, suite.name, to: services[0])
            #expect(verdicts.count == samples.count)
            let explained = try compare(
                verdicts, of: suite.name, by: services, &random)
            #expect(
                Double(explained) >= leastShare * Double(asked), "seed \(seed) \(suite.name)")
            all[suite.name] = verdicts
        }
        guard let others = try again() else { return }
        for (name, verdicts) in all {
            let explained = try compare(verdicts, of: name, by: others, &random)
            #expect(Double(explained) >= leastShare * Double(asked), "seed \(seed) \(name)")
        }
    }

    @Test("in memory, of series whose whole life is in the history")
    func explainsInMemory() throws {
        let service = try ready(["HISTORY_SAMPLES": "200000"])
        try run([service], leastShare: 1)
    }

    @Test("of a file, also of samples that have left the log, and after a restart")
    func explainsFromAFile() throws {
        let folder = try TemporaryFolder()
        let settings = ["STORE": "file:" + folder.path + "/series.db"]
        let service = try ready(settings)
        try run([service], leastShare: 1) {
            #expect(service.stop() == 0)
            return [try ready(settings)]
        }
    }

    @Test("from two replicas over one Redis, as far as its history goes")
    func explainsFromRedis() throws {
        let redis = try RunningRedis()
        let settings = ["STORE": redis.url, "THREADS": "1"]
        try run([try ready(settings), try ready(settings)], leastShare: 0.5)
    }

    @Test("the tool prints the same from a file, with a chart")
    func printsIt() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        let service = try ready(["STORE": "file:" + path])
        let lines = (0..<402).map { number in
            let value = number == 400 ? 900 : 100 + Double(number * 7919 % 61) / 10
            return "{\"timestamp\":\(1_700_006_400 + 300 * number),\"cpu\":20,\"rps\":\(value),"
                + "\"device_id\":\"web 1\"}"
        }
        #expect(try service.post("/ingest", lines.joined(separator: "\n")).status == 202)
        let told = try service.get("/explain?device_id=web%201&sequence=401").json
        let quiet = try #require(told["quiet_value"] as? Double)
        #expect(quiet > 106 && quiet < 900)
        #expect(service.stop() == 0)
        let tool = Programs.folder + "/tidemark"
        let (status, output) = try Programs.run(tool, ["explain", path, "web 1", "401"])
        #expect(status == 0, "\(output)")
        let printed = output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            printed.first
                == "web 1, sample 401 at 1700126400.0: rps 900.0, cpu 20.0: an alert (jump)")
        #expect(printed.contains("It would have been quiet with rps \(quiet)"))
        let chart = printed.drop { !$0.isEmpty }.dropFirst().dropLast()
        #expect(chart.count == 40 && chart.last?.contains("!  900.0") == true, "\(output)")
        #expect(chart.dropLast().allSatisfy { $0.contains("*") })
        for words in [["explain"], ["explain", path, "web 1", "0"], ["explain", path, "a", "x"]] {
            #expect(try Programs.run(tool, words).status == 64)
        }
        #expect(try Programs.run(tool, ["explain", path, "other", "1"]).status == 1)
        #expect(try Programs.run(tool, ["explain", path, "web 1", "403"]).status == 1)
        #expect(try Programs.run(tool, ["explain", path, "", "1"]).status == 0)
    }

    @Test("what is not there is said to be gone, or not to have come yet")
    func refuses() throws {
        let service = try ready(["HISTORY_SAMPLES": "100"])
        #expect(try service.get("/explain?device_id=a&sequence=1").status == 404)
        for number in 0..<150 {
            let body = "{\"timestamp\":\(number),\"cpu\":1,\"rps\":5,\"device_id\":\"a\"}"
            #expect(try service.post("/ingest", body).status == 202)
        }
        let early = try service.get("/explain?device_id=a&sequence=150")
        #expect(early.status == 410 && early.body.contains("history"))
        #expect(try service.get("/explain?device_id=a&sequence=151").status == 404)
        for query in ["", "?device_id=a", "?sequence=0", "?sequence=1.5", "?sequence=x"] {
            let answer = try service.get("/explain" + query)
            #expect(answer.status == 400 && answer.body.contains("sequence"), "\(query)")
        }
        #expect(try service.post("/explain", "{}").status == 405)
    }

    @Test("three false alarms at the same hour of the day are offered as a habit")
    func offersHabits() throws {
        let service = try ready([:])
        func send(_ numbers: Range<Int>, _ value: (Int) -> Double) throws {
            let lines = numbers.map { number in
                "{\"timestamp\":\(1_700_006_400 + 300 * number),\"cpu\":20,\"rps\":\(value(number)),"
                    + "\"device_id\":\"a\"}"
            }
            let answer = try service.post(
                "/ingest?verdicts=none", lines.joined(separator: "\n"))
            #expect(answer.status == 202)
        }
        func calm(_ number: Int) -> Double { 97 + Double(number * 7919 % 61) / 10 }
        // Five days, each with an outage after one in the night, and at another hour each day.
        for day in 0..<5 {
            try send((288 * day)..<(288 * day + 288)) { number in
                let place = number - 288 * day
                let isOut = day > 1 && (place == 14 || place == 100 + 40 * (day - 2))
                return isOut ? 20 + Double(place) : calm(number)
            }
        }
        let page = try service.get("/incidents?device_id=a").json["incidents"]
        let ids = (page as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        #expect(ids.count >= 4, "\(ids)")
        for id in ids {
            let answer = try service.post("/incidents/\(id)/feedback", "{\"real\":false}")
            #expect(answer.status == 200)
        }
        let answer = try service.get("/explain?device_id=a&sequence=1400")
        let habits = answer.json["habits"] as? [[String: Int]] ?? []
        let hours = Dictionary(
            grouping: (page as? [[String: Any]] ?? []).compactMap { $0["started_at"] as? Double }
        ) { Int($0) / 3_600 % 24 }
        let expected = hours.filter { $0.value.count >= 3 }
        #expect(!expected.isEmpty && habits.count == expected.count, "\(hours) \(answer.body)")
        for habit in habits {
            #expect(expected[habit["hour"] ?? -1]?.count == habit["false_alarms"])
        }
        #expect(
            try service.get("/metrics").body.contains(
                "incidents_judged{real=\"false\"} \(ids.count)\n"))
    }
}
