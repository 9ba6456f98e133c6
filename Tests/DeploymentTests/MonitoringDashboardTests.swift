import Foundation
import TestSupport
import Testing

/// The dashboards as files; MonitoringLiveTests asks their queries.
@Suite struct MonitoringDashboardTests {
    @Test(
        "every dashboard is of the pinned Grafana's schema, with a fixed uid and its own variables")
    func identifiesItself() throws {
        let dashboards = try Dashboard.all()
        #expect(dashboards.map(\.file) == ["overview.json", "redis.json"])
        #expect(Set(dashboards.map(\.content["uid"].text)).count == dashboards.count)
        for dashboard in dashboards {
            let content = dashboard.content
            #expect(content["uid"].text.hasPrefix("tidemark-"))
            #expect(content["schemaVersion"].number == 41)
            #expect(!content["title"].text.isEmpty)
            #expect(content["id"].isMissing, "an id is a database's")
            let variables = content["templating"]["list"].list.map(\.["name"].text)
            #expect(variables == ["datasource", "instance"])
            let text = try content.written()
            for match in text.matches(of: /\$\{?([a-zA-Z_]+)/).map({ String($0.output.1) }) {
                let known = variables + ["__rate_interval", "__range", "__all"]
                #expect(known.contains(match), "\(dashboard.file) uses $\(match)")
            }
        }
    }

    @Test("every panel has its own id, its own place, a unit, a description and a query")
    func laysPanelsOut() throws {
        for dashboard in try Dashboard.all() {
            let all = dashboard.content["panels"].list
            let ids = all.compactMap(\.["id"].number)
            #expect(Set(ids).count == all.count, "\(dashboard.file)")
            for panel in dashboard.panels {
                let title = "\(dashboard.file): \(panel["title"].text)"
                #expect(!panel["title"].text.isEmpty)
                #expect(panel["description"].text.count > 20, "\(title)")
                #expect(!panel["fieldConfig"]["defaults"]["unit"].text.isEmpty, "\(title)")
                #expect(panel["datasource"]["uid"].text == "${datasource}", "\(title)")
                #expect(!panel["targets"].list.isEmpty, "\(title)")
                let references = panel["targets"].list.map(\.["refId"].text)
                #expect(Set(references).count == references.count, "\(title)")
            }
            var taken: [String: String] = [:]
            for panel in all { try occupy(panel, &taken) }
        }
    }

    /// Marks the cells of a panel, of which nobody else may have one.
    private func occupy(_ panel: Document, _ taken: inout [String: String]) throws {
        let (place, title) = (panel["gridPos"], panel["title"].text)
        let x = try #require(place["x"].number)
        let y = try #require(place["y"].number)
        let width = try #require(place["w"].number)
        let height = try #require(place["h"].number)
        #expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24, "\(title)")
        for column in x..<x + width {
            for row in y..<y + height {
                let other = taken.updateValue(title, forKey: "\(column) \(row)")
                #expect(other == nil, "\(title) lies on \(other ?? "")")
            }
        }
    }

    @Test("the overview shows what users and operators need")
    func showsWhatIsAsked() throws {
        let overview = try #require(Dashboard.all().first)
        let names = Set(overview.queries.flatMap { Expression.metricNames($0.expression) })
        for name in [
            "http_requests_total", "http_request_duration_seconds_bucket", "anomalies_total",
            "alerts_total", "rolling_average_rps", "up", "redis_command_duration_seconds_bucket",
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
            "http_connections", "http_requests_in_flight", "samples_rejected_total",
        ] {
            #expect(names.contains(name), "\(name)")
        }
        let quantiles = overview.queries.map(\.expression).joined()
        for quantile in ["(0.5,", "(0.95,", "(0.99,"] {
            #expect(quantiles.contains("histogram_quantile" + quantile), "\(quantile)")
        }
    }

    @Test(
        "every dashboard is in the ConfigMap that Grafana's sidecar looks for, and in our Grafana")
    func isMounted() throws {
        let folder = MonitoringFiles.folder
        let files = try Dashboard.all().map(\.file)
        let kustomization = try Document.yaml("\(folder)/dashboards/kustomization.yaml")
        let generator = kustomization["configMapGenerator"][0]
        #expect(generator["files"].list.map(\.text).sorted() == files)
        #expect(kustomization["generatorOptions"]["labels"]["grafana_dashboard"].text == "1")
        let pod = try workload("grafana", "Deployment")
        let mounted = pod["volumes"].list.flatMap { $0["projected"]["sources"].list }
            .filter { $0["configMap"]["name"].text == generator["name"].text }
            .flatMap { $0["configMap"]["items"].list }
        #expect(mounted.map(\.["key"].text).sorted() == files)
        let provider = try Document.yaml("\(folder)/dashboards.yml")["providers"][0]
        for item in mounted {
            let path = "/etc/grafana/" + item["path"].text
            #expect(path.hasPrefix(provider["options"]["path"].text + "/"))
        }
    }

    private func workload(_ name: String, _ kind: String) throws -> Document {
        let all = try Document.yamlDocuments("\(MonitoringFiles.folder)/manifests/\(name).yaml")
        let found = try #require(all.first { $0["kind"].text == kind })
        return found["spec"]["template"]["spec"]
    }

    @Test("names of metrics are found in any expression")
    func findsNames() {
        #expect(
            Expression.metricNames(
                #"sum by (le, job) (rate(a_b:c_total{x="not(this)",y=~"or"}[5m])) / on (z) "#
                    + "group_left () 1e3 * clamp_min(d - 1, 1) or vector(0)"
            ) == ["a_b:c_total", "d"])
    }
}
