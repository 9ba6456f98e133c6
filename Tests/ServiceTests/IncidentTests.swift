import Foundation
import Redis
import TestSupport
import Testing

/// Incidents as clients see them: by name, on every store, from every replica.
@Suite(.serialized) struct IncidentTests {
    private func line(_ number: Int, _ value: Double, of device: String) -> String {
        "{\"timestamp\":\(1_700_000_000 + 60 * number),\"cpu\":20,\"rps\":\(value),"
            + "\"device_id\":\"\(device)\"}"
    }

    private func send(
        _ values: [Double], from start: Int, _ device: String, to service: RunningService
    ) throws {
        var lines: [String] = []
        for (index, value) in values.enumerated() {
            lines.append(line(start + index, value, of: device))
        }
        let answer = try service.post(
            "/ingest?verdicts=none", lines.joined(separator: "\n"))
        #expect(answer.status == 202)
    }

    /// Values that move a little about 100.
    private func calm(_ count: Int) -> [Double] {
        (0..<count).map { (index: Int) -> Double in
            let step = Double(index * 7919 % 61)
            return 97 + step / 10
        }
    }

    private func incidents(
        _ service: RunningService, _ query: String = ""
    ) throws -> [[String: Any]] {
        let answer = try service.get("/incidents" + query)
        #expect(answer.status == 200)
        return answer.json["incidents"] as? [[String: Any]] ?? []
    }

    /// Those of devices.
    private func named(
        _ service: RunningService, _ query: String = ""
    ) throws -> [[String: Any]] {
        try incidents(service, query).filter { $0["device_id"] != nil }
    }

    private func ready(_ settings: [String: String]) throws -> RunningService {
        let service = try RunningService(settings)
        for _ in 0..<500 where try service.get("/ready").status != 200 { usleep(10_000) }
        return service
    }

    private func wait(_ what: String, _ isSo: () throws -> Bool) throws {
        for _ in 0..<300 {
            if try isSo() { return }
            usleep(20_000)
        }
        throw Failure("waited in vain: \(what)")
    }

    @Test("one device of a thousand: its incident by name, its end, and what a person says of it")
    func tellsByName() throws {
        let service = try ready([:])
        try send(calm(400), from: 0, "web/1 ö", to: service)
        let others = (0..<1_000).map { line(400, 100, of: "other-\($0)") }
        #expect(try service.post("/ingest", others.joined(separator: "\n")).status == 202)
        try send([20, 21, 19], from: 400, "web/1 ö", to: service)
        let open = try #require(try named(service, "?state=open").first)
        #expect(try named(service).count == 1)
        #expect(open["device_id"] as? String == "web/1 ö" && open["state"] as? String == "open")
        #expect(open["started_sequence"] as? Int == 401 && open["value"] as? Double == 20)
        #expect(open["reason"] as? String == "spike" && open["severity"] as? String == "critical")
        let (lower, upper) = (open["lower"] as? Double ?? 0, open["upper"] as? Double ?? 0)
        #expect(lower > 20 && upper > lower)
        #expect((open["explanation"] as? String)?.contains("expected") == true)
        let metrics = try service.get("/metrics").body
        #expect(metrics.contains("\nincidents_opened_total{reason=\"spike\"} "))
        #expect(!metrics.contains("\nincidents_open 0\n"))

        try send(calm(20), from: 403, "web/1 ö", to: service)
        #expect(try named(service, "?state=open").isEmpty)
        let closed = try #require(try named(service, "?state=closed").first)
        #expect(closed["ended_by"] as? String == "calm")
        #expect(closed["ended_sequence"] as? Int == 414)
        let id = try #require(closed["id"] as? String)
        let path =
            "/incidents/"
            + (id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
        #expect(try service.get(path).json["id"] as? String == id)
        let told = try service.post(path + "/feedback", "{\"real\":false,\"note\":\"a test\"}")
        #expect(told.status == 200)
        let feedback = try service.get(path).json["feedback"] as? [String: Any]
        #expect(feedback?["real"] as? Bool == false && feedback?["note"] as? String == "a test")
        #expect(
            try service.get("/metrics").body.contains(
                "incident_feedback_total{real=\"false\"} 1\n"))
        #expect(try service.post(path + "/feedback", "{\"real\":\"no\"}").status == 400)
        #expect(try service.post("/incidents/1-1-x/feedback", "{\"real\":true}").status == 404)
        #expect(try service.post(path, "{}").status == 405)
        #expect(try service.get("/incidents/1-1-x").status == 404)
        #expect(try service.get("/incidents?state=some").status == 400)
        #expect(try service.get("/incidents?after=x").status == 400)
    }

    @Test("an outage of all devices is listed, page by page, and healthy samples push nothing out")
    func listsAll() throws {
        let service = try ready(["HISTORY_SAMPLES": "1000"])
        let devices = (0..<120).map { "d\($0)" }
        for part in 0..<10 {
            var lines: [String] = []
            for device in devices {
                for (index, value) in calm(40).enumerated() {
                    lines.append(line(40 * part + index, value, of: device))
                }
            }
            #expect(
                try service.post("/ingest?verdicts=none", lines.joined(separator: "\n")).status
                    == 202)
        }
        let outage = devices.map { line(400, 0, of: $0) }
        #expect(try service.post("/ingest", outage.joined(separator: "\n")).status == 202)
        for round in 0..<20 {
            let lines = (0..<5_000).map { line(round, 100, of: "healthy-\($0)") }
            #expect(
                try service.post("/ingest?verdicts=none", lines.joined(separator: "\n")).status
                    == 202)
        }
        var found: [String] = []
        var after = ""
        while true {
            let answer = try service.get("/incidents?limit=50&state=open" + after)
            let page = answer.json["incidents"] as? [[String: Any]] ?? []
            found += page.compactMap { $0["device_id"] as? String }
            guard let next = answer.json["next"] as? String else { break }
            after = "&after=" + next
        }
        #expect(found.count == 120 && Set(found) == Set(devices))
    }

    @Test("a file: incidents outlive kill -9, those whose sample was stored just before it too")
    func outlivesKills() throws {
        let folder = try TemporaryFolder()
        let settings = ["STORE": "file:" + folder.path + "/series.db", "THREADS": "1"]
        var service = try ready(settings)
        for round in 0..<5 {
            try send(calm(400), from: 1_000 * round, "d\(round)", to: service)
            try send([20], from: 1_000 * round + 400, "d\(round)", to: service)
            kill(service.process.processIdentifier, SIGKILL)
            service.process.waitUntilExit()
            service = try ready(settings)
            try wait("the incident of round \(round) is listed") {
                try named(service, "?device_id=d\(round)").count == 1
            }
            // None has ended: what is not known yet of a device is no silence.
            usleep(1_500_000)
            #expect(try named(service, "?state=open").count == round + 1)
        }
        // As if the process had ended before it told the file of any.
        #expect(service.stop() == 0)
        let forget = """
            import sqlite3, sys
            file = sqlite3.connect(sys.argv[1])
            file.execute("DELETE FROM incidents")
            file.execute("DELETE FROM facts WHERE name = CAST('followed' AS BLOB)")
            file.commit()
            """
        let (status, output) = try Programs.run(
            "python3", ["-c", forget, folder.path + "/series.db"])
        #expect(status == 0, "\(output)")
        service = try ready(settings)
        try wait("all are listed again") { try named(service, "?state=open").count == 5 }

        let id = try #require(try named(service).first?["id"] as? String)
        #expect(try service.post("/incidents/\(id)/feedback", "{\"real\":true}").status == 200)
        #expect(service.stop() == 0)
        service = try ready(settings)
        #expect(try service.get("/incidents/\(id)").json["feedback"] != nil)
        try send(calm(20), from: 4_401, "d4", to: service)
        #expect(try named(service, "?state=open&device_id=d4").isEmpty)
    }

    @Test("Redis: any replica lists them; one that dies before it tells leaves no hole")
    func agrees() throws {
        let redis = try RunningRedis()
        let settings = ["STORE": redis.url, "THREADS": "1"]
        let (first, second) = (try ready(settings), try ready(settings))
        try send(calm(400), from: 0, "a", to: first)
        try send([20], from: 400, "a", to: first)
        try wait("the other replica lists it") {
            try named(second, "?state=open").count == 1
        }
        #expect(try named(first).first?["id"] as? String == named(second).first?["id"] as? String)
        let id = try #require(try named(second).first?["id"] as? String)
        #expect(try second.post("/incidents/\(id)/feedback", "{\"real\":true}").status == 200)
        try send(calm(20), from: 401, "a", to: second)
        try wait("the first replica hears of its end, and of what was told") {
            let incident = try first.get("/incidents/\(id)").json
            return incident["ended_by"] as? String == "calm" && incident["feedback"] != nil
        }
        try send(calm(400), from: 0, "open", to: first)
        try send([20], from: 400, "open", to: first)
        // Replicas that may not tell of an incident, as if they died too early.
        let user = [
            "ACL", "SETUSER", "mute", "on", ">secret", "+@all", "~tm:{*", "~tm:meta",
            "~tm:anomalies", "%R~tm:incidents",
        ]
        #expect(try redis.client().command(user) == .text(Array("OK".utf8)))
        let mute = redis.url.replacingOccurrences(of: "//", with: "//mute:secret@")
        for round in 0..<4 {
            let device = "b\(round)"
            let dying = try ready(["STORE": mute, "THREADS": "1"])
            try send(calm(400), from: 0, device, to: dying)
            try send([20], from: 400, device, to: dying)
            kill(dying.process.processIdentifier, SIGKILL)
            dying.process.waitUntilExit()
            for service in [first, second] {
                try wait("the incident of \(device) is listed") {
                    try named(service, "?device_id=\(device)").count == 1
                }
            }
        }
        // Each replica that began had to read what there is: none ended an incident meanwhile.
        let open = try named(second, "?state=open").compactMap { $0["device_id"] as? String }
        let (one, other) = (try incidents(first), try incidents(second))
        #expect(open.sorted() == ["b0", "b1", "b2", "b3", "open"], "\(one) and \(other)")
    }
}
