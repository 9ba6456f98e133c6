import Foundation
import TestSupport
import Testing

/// A real Prometheus and a real Alertmanager over two replicas and one Redis, on the deployed
/// files.
@Suite struct MonitoringLiveTests {
    @Test(
        "anomalies are scraped, judged, told to Alertmanager; every panel has data for its queries")
    func watchesAFleet() throws {
        let fleet = try WatchedFleet()
        defer { fleet.stop() }
        // What a counter counted before its first scrape is in no rate.
        try waitForScrapes(fleet)
        var traffic = FleetTraffic()
        let services = fleet.replicas.map(\.service)
        for _ in 0..<40 {
            try traffic.round(services, isAnomalous: false)
            usleep(100_000)
        }
        try expectNoAlert(fleet)
        for _ in 0..<4 { try traffic.round(services, isAnomalous: true) }
        let wanted: Set<String> = ["TidemarkAnomalies", "TidemarkManyIncidents"]
        for _ in 0..<120 where try !wanted.isSubset(of: Set(told(fleet).map(name))) {
            try traffic.round(services, isAnomalous: false)
            usleep(500_000)
        }
        try expectAlerts(fleet)
        try expectTargets(fleet)
        try expectHealthyRules(fleet)
        try expectAnswers(fleet)
        try expectNames(fleet)
    }

    private func waitForScrapes(_ fleet: WatchedFleet) throws {
        for _ in 0..<300 {
            let answer = try fleet.prometheus.get(
                "/api/v1/query", ["query": "count(samples_total)"])
            if answer.body["data"]["result"][0]["value"][1].text == "2" { return }
            usleep(100_000)
        }
        throw Failure("Prometheus does not scrape both replicas: \(fleet.prometheus.logged)")
    }

    private func told(_ fleet: WatchedFleet) throws -> [Document] {
        try fleet.alertmanager.get("/api/v2/alerts").body.list
    }

    private func name(_ alert: Document) -> String { alert["labels"]["alertname"].text }

    private func expectNoAlert(_ fleet: WatchedFleet) throws {
        let names = try told(fleet).map(name)
        #expect(!names.contains("TidemarkManyIncidents"), "\(names)")
    }

    /// Both are there with the labels that route them, and go where their severity says.
    private func expectAlerts(_ fleet: WatchedFleet) throws {
        let alerts = try told(fleet)
        for (wanted, severity, receiver) in [
            ("TidemarkAnomalies", "info", "mail"), ("TidemarkManyIncidents", "critical", "page"),
        ] {
            let alert = try #require(alerts.first { name($0) == wanted }, "\(alerts.map(name))")
            #expect(alert["labels"]["severity"].text == severity)
            #expect(alert["labels"]["service"].text == "tidemark")
            #expect(alert["receivers"].list.map(\.["name"].text) == [receiver])
            #expect(alert["status"]["state"].text != "suppressed")
            #expect(!alert["annotations"]["summary"].text.isEmpty)
            #expect(!alert["annotations"]["description"].text.contains("{{"))
        }
        let firing = try fleet.prometheus.get("/api/v1/alerts").body["data"]["alerts"].list
        #expect(
            firing.contains { name($0) == "TidemarkAnomalies" && $0["state"].text == "firing" })
    }

    /// The two replicas by their pods' names; the neighbours that discovery also found are left
    /// out.
    private func expectTargets(_ fleet: WatchedFleet) throws {
        let targets = try fleet.prometheus.get("/api/v1/targets").body["data"]["activeTargets"].list
        #expect(
            targets.map(\.["labels"]["instance"].text).sorted()
                == fleet.replicas.map(\.pod).sorted())
        for target in targets {
            #expect(target["health"].text == "up", "\(target["lastError"].text)")
            #expect(target["labels"]["job"].text == "tidemark")
            #expect(target["labels"]["namespace"].text == "highload")
            #expect(target["labels"]["node"].text.hasPrefix("node-of-tidemark"))
        }
    }

    private func expectHealthyRules(_ fleet: WatchedFleet) throws {
        let groups = try fleet.prometheus.get("/api/v1/rules").body["data"]["groups"].list
        let rules = groups.flatMap { $0["rules"].list }
        #expect(rules.count == (try MonitoringFiles.rules().count))
        for rule in rules {
            #expect(
                rule["health"].text == "ok", "\(rule["name"].text): \(rule["lastError"].text)")
        }
    }

    private func expectAnswers(_ fleet: WatchedFleet) throws {
        let queries = try Dashboard.all().flatMap(\.queries)
        #expect(queries.count > 50)
        for query in queries {
            let answer = try fleet.prometheus.get(
                "/api/v1/query", ["query": query.substituted()])
            let place: Comment = "\(query.dashboard), \(query.panel): \(query.expression)"
            #expect(answer.status == 200, place)
            let values = answer.body["data"]["result"].list.map { Double($0["value"][1].text) }
            #expect(!values.isEmpty, place)
            #expect(values.allSatisfy { $0?.isFinite ?? false }, place)
        }
        let replicas = try fleet.prometheus.get(
            "/api/v1/label/instance/values", ["match[]": #"up{job="tidemark"}"#])
        #expect(replicas.body["data"].list.map(\.text) == fleet.replicas.map(\.pod))
    }

    /// Whatever rules and dashboards name, a replica exports or a rule records.
    private func expectNames(_ fleet: WatchedFleet) throws {
        let text = try fleet.replicas[0].service.get("/metrics").body
        let exported = Set(
            text.split(separator: "\n").filter { !$0.hasPrefix("#") }
                .map { String($0.prefix { $0 != "{" && $0 != " " }) })
        let known = exported.union(try MonitoringFiles.records()).union(["up", "ALERTS"])
        let expressions =
            try MonitoringFiles.rules().map(\.["expr"].text)
            + Dashboard.all().flatMap(\.queries).map(\.expression)
        let named = expressions.reduce(into: Set<String>()) {
            $0.formUnion(Expression.metricNames($1))
        }
        #expect(named.count > 30)
        #expect(named.subtracting(known) == [])
    }
}
