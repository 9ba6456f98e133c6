import Foundation
import TestSupport
import Testing

/// What is deployed to watch the service, checked by the tools that will read it.
@Suite struct MonitoringRulesTests {
    private static let unitTests = ["rules/tests.yml", "rules/budget-tests.yml"]

    private func path(_ name: String) -> String {
        "\(Programs.root)/\(MonitoringFiles.folder)/\(name)"
    }

    @Test("promtool accepts the rules and the configuration")
    func passesPromtool() throws {
        let rules = try Programs.run("promtool", ["check", "rules", path("rules/tidemark.yml")])
        #expect(rules.status == 0, "\(rules.output)")
        var config = try Programs.run("promtool", ["check", "config", path("prometheus.yml")])
        // Debian's build knows no Kubernetes: all the rest is checked then, its place taken by a
        // file.
        if config.output.contains("field kubernetes_sd_configs not found") {
            config = try checkWithoutKubernetes()
        }
        #expect(config.status == 0, "\(config.output)")
        #expect(config.output.contains("rules found"), "\(config.output)")
    }

    /// The deployed folder's shape, with only the discovery replaced.
    private func checkWithoutKubernetes() throws -> (status: Int32, output: String) {
        let folder = URL(fileURLWithPath: Programs.temporaryPath("-config"))
        defer { try? FileManager.default.removeItem(at: folder) }
        let rules = folder.appendingPathComponent("rules")
        try FileManager.default.createDirectory(at: rules, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: path("rules/tidemark.yml"), toPath: "\(rules.path)/tidemark.yml")
        var file = try Document.yaml("\(MonitoringFiles.folder)/prometheus.yml")
        file["scrape_configs"][0] = WatchedFleet.foundInFile(
            file["scrape_configs"][0], "targets.json")
        try "[]".write(toFile: "\(folder.path)/targets.json", atomically: true, encoding: .utf8)
        let copy = "\(folder.path)/prometheus.yml"
        try file.written().write(toFile: copy, atomically: true, encoding: .utf8)
        return try Programs.run("promtool", ["check", "config", copy])
    }

    @Test("promtool's unit tests of the rules pass")
    func passesUnitTests() throws {
        for file in MonitoringRulesTests.unitTests {
            let result = try Programs.run("promtool", ["test", "rules", path(file)])
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains("SUCCESS"), "\(result.output)")
        }
    }

    @Test("every alert has a case in which it fires and one in which it does not")
    func coversEveryAlert() throws {
        let cases = try MonitoringRulesTests.unitTests
            .flatMap { try Document.yaml("\(MonitoringFiles.folder)/\($0)")["tests"].list }
            .flatMap { $0["alert_rule_test"].list }
        func names(_ fires: Bool) -> Set<String> {
            Set(
                cases.filter { $0["exp_alerts"].list.isEmpty != fires }
                    .map { $0["alertname"].text })
        }
        let alerts = Set(try MonitoringFiles.alerts().map(\.name))
        #expect(!alerts.isEmpty)
        #expect(names(true) == alerts)
        #expect(names(false) == alerts)
    }

    @Test("every alert says what, how much, how bad, and where the runbook has it")
    func describesEveryAlert() throws {
        let runbook = try MonitoringFiles.text("docs/operations.md").split(separator: "\n")
        let headings = Set(
            runbook.filter { $0.hasPrefix("### Tidemark") }.map { String($0.dropFirst(4)) })
        let alerts = try MonitoringFiles.alerts()
        #expect(headings == Set(alerts.map(\.name)))
        #expect(Set(alerts.map(\.name)).count == alerts.count)
        // Whose value is that there is nothing.
        let silent: Set<String> = ["TidemarkAbsent", "TidemarkNoSamples"]
        for alert in alerts {
            let severity = alert.labels["severity"].text
            #expect(["info", "warning", "critical"].contains(severity), "\(alert.name)")
            #expect(alert.labels["service"].text == "tidemark", "\(alert.name)")
            #expect(!alert.annotations["summary"].text.isEmpty, "\(alert.name)")
            let description = alert.annotations["description"].text
            #expect(!description.isEmpty, "\(alert.name)")
            #expect(
                silent.contains(alert.name) || description.contains("{{"),
                "\(alert.name): \(description)")
            let anchor = "/docs/operations.md#\(alert.name.lowercased())"
            #expect(alert.annotations["runbook_url"].text.hasSuffix(anchor), "\(alert.name)")
        }
    }

    @Test("the operator's rules are the very same")
    func agreesWithOperator() throws {
        let made = try Programs.run("\(Programs.root)/scripts/prometheus-rule", ["--print"])
        #expect(made.status == 0)
        let file = "k8s/monitoring-operator/prometheus-rule.yaml"
        #expect(made.output == (try MonitoringFiles.text(file)), "run scripts/prometheus-rule")
        let rule = try Document.yaml(file)
        #expect(rule["kind"].text == "PrometheusRule")
        #expect(
            try rule["spec"].written() == Document.yaml(MonitoringFiles.rulesPath).written())
    }

    @Test("amtool accepts Alertmanager's configuration, and each severity goes where it should")
    func passesAmtool() throws {
        let file = path("alertmanager.yml")
        let check = try Programs.run("amtool", ["check-config", file])
        #expect(check.status == 0, "\(check.output)")
        for (labels, receiver) in [
            (["severity=critical"], "page"), (["severity=warning"], "mail"),
            (["severity=info"], "nobody"),
            // The fifth of the services promised that somebody hears of more than 5 a minute.
            (["severity=info", "alertname=TidemarkAnomalies"], "mail"),
            (["severity=critical", "alertname=TidemarkIncident"], "incident-page"),
            (["severity=warning", "alertname=TidemarkIncident"], "incident-mail"),
        ] {
            let route = try Programs.run(
                "amtool", ["config", "routes", "test", "--config.file=\(file)"] + labels)
            // Some versions say before it that no running Alertmanager is asked.
            #expect(route.output.split(separator: "\n").last.map(String.init) == receiver)
        }
    }

    @Test("what inhibits and what is inhibited are alerts that exist")
    func inhibitsWhatExists() throws {
        let config = try Document.yaml("\(MonitoringFiles.folder)/alertmanager.yml")
        // The service's own alert is no rule's.
        let names = try MonitoringFiles.alerts().map(\.name) + ["TidemarkIncident"]
        let matchers = config["inhibit_rules"].list.flatMap {
            $0["source_matchers"].list + $0["target_matchers"].list
        }
        #expect(matchers.count == 2 * config["inhibit_rules"].list.count)
        for matcher in matchers {
            let parts = matcher.text.split(separator: "\"")
            let pattern = try #require(parts.count == 2 ? String(parts[1]) : nil, "\(matcher)")
            #expect(["alertname=", "alertname=~"].contains(String(parts[0])), "\(matcher)")
            for alternative in split(pattern) {
                let found = names.filter {
                    $0.range(of: "^(\(alternative))$", options: .regularExpression) != nil
                }
                #expect(!found.isEmpty, "\(alternative) is no alert")
            }
        }
    }

    /// A pattern's alternatives outside of parentheses.
    private func split(_ pattern: String) -> [String] {
        var (parts, depth) = ([""], 0)
        for character in pattern {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == "|", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }
}
