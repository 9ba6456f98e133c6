import Foundation
import TestSupport
import Testing

/// Whether the parts of k8s/monitoring fit each other, and the service that they watch.
@Suite struct MonitoringManifestTests {
    private let folder = MonitoringFiles.folder

    private func pod(_ name: String) throws -> Document {
        let all = try Document.yamlDocuments("\(folder)/manifests/\(name).yaml")
        let workload = all.first { ["StatefulSet", "Deployment"].contains($0["kind"].text) }
        return try #require(workload)["spec"]["template"]
    }

    /// Where a pod finds each file that its volumes bring: path in the pod, and from where.
    private func files(_ pod: Document) -> [String: String] {
        let mounts = pod["spec"]["containers"][0]["volumeMounts"].list
        var found: [String: String] = [:]
        for volume in pod["spec"]["volumes"].list {
            let mount = mounts.first { $0["name"].text == volume["name"].text }
            let sources = volume["projected"]["sources"].list + [volume]
            for source in sources.flatMap({ [$0["configMap"], $0["secret"]] }) {
                for item in source["items"].list {
                    let path = (mount?["mountPath"].text ?? "") + "/" + item["path"].text
                    found[path] = "\(source["name"].text)/\(item["key"].text)"
                }
            }
        }
        return found
    }

    @Test("what a pod mounts is generated from a file, and is where its program looks")
    func mountsWhatIsRead() throws {
        let generators = try Document.yaml("\(folder)/kustomization.yaml")["configMapGenerator"]
            .list
        let dashboards = try Document.yaml("\(folder)/dashboards/kustomization.yaml")
        var sources: Set<String> = [
            "grafana-admin/admin-password", "alertmanager-smtp/smtp-password",
        ]
        for generator in generators + dashboards["configMapGenerator"].list {
            for file in generator["files"].list.map(\.text) {
                sources.insert("\(generator["name"].text)/\((file as NSString).lastPathComponent)")
            }
        }
        var mounted: Set<String> = []
        for name in ["prometheus", "alertmanager", "grafana"] {
            let found = files(try pod(name))
            mounted.formUnion(found.values)
            for path in try wanted(name) { #expect(found[path] != nil, "\(name): \(path)") }
        }
        #expect(mounted == sources)
    }

    /// The files that a program's arguments and its configuration name.
    private func wanted(_ name: String) throws -> [String] {
        let container = try pod(name)["spec"]["containers"][0]
        switch name {
        case "prometheus":
            let rules = try Document.yaml("\(folder)/prometheus.yml")["rule_files"].list
            return rules.map { "/etc/prometheus/" + $0.text } + configFile(container)
        case "alertmanager":
            let global = try Document.yaml("\(folder)/alertmanager.yml")["global"]
            return [global["smtp_auth_password_file"].text] + configFile(container)
        default:
            let settings = try MonitoringFiles.text("\(folder)/grafana.ini")
            let secret = try #require(settings.firstMatch(of: /\$__file\{(.+)\}/)).output.1
            let home = try #require(
                settings.firstMatch(of: /default_home_dashboard_path = (.+)/)
            ).output.1
            return [String(secret), String(home), container["env"][0]["value"].text]
        }
    }

    private func configFile(_ container: Document) -> [String] {
        let argument = container["args"].list.map(\.text).first { $0.hasPrefix("--config.file=") }
        return [String((argument ?? "").dropFirst("--config.file=".count))]
    }

    @Test("discovery looks for the labels and the port that the service's pods have")
    func findsThePods() throws {
        let service = try Document.yaml("k8s/base/deployment.yaml")["spec"]["template"]
        let ports = service["spec"]["containers"][0]["ports"].list.map(\.["name"].text)
        let scrape = try Document.yaml("\(folder)/prometheus.yml")["scrape_configs"][0]
        #expect(scrape["job_name"].text == "tidemark")
        let discovery = scrape["kubernetes_sd_configs"][0]
        #expect(discovery["role"].text == "pod")
        #expect(discovery["namespaces"]["own_namespace"].isTrue)
        for term in discovery["selectors"][0]["label"].text.split(separator: ",") {
            let (name, value) = try #require(term.split(separator: "=").pair)
            #expect(service["metadata"]["labels"][name].text == value)
        }
        let port = scrape["relabel_configs"].list.first {
            $0["source_labels"][0].text == "__meta_kubernetes_pod_container_port_name"
        }
        #expect(ports.contains(port?["regex"].text ?? ""))
    }

    @Test("the operator scrapes the same port, and its targets get the same job and instance")
    func agreesWithOperator() throws {
        let monitor = try Document.yaml("k8s/monitoring-operator/service-monitor.yaml")["spec"]
        let service = try Document.yaml("k8s/base/service.yaml")
        for (name, value) in monitor["selector"]["matchLabels"].map {
            #expect(service["metadata"]["labels"][name].text == value.text)
        }
        let endpoint = monitor["endpoints"][0]
        let ports = service["spec"]["ports"].list.map(\.["name"].text)
        #expect(ports.contains(endpoint["port"].text))
        let job = endpoint["relabelings"].list.first { $0["targetLabel"].text == "job" }
        let scrape = try Document.yaml("\(folder)/prometheus.yml")["scrape_configs"][0]
        #expect(job?["replacement"].text == scrape["job_name"].text)
        func sources(_ steps: Document, target: String, names: String) -> [String: [String]] {
            var found: [String: [String]] = [:]
            for step in steps.list where !step[names].isMissing && !step[target].isMissing {
                found[step[target].text] = step[names].list.map(\.text)
            }
            return found
        }
        let theirs = sources(
            endpoint["relabelings"], target: "targetLabel", names: "sourceLabels")
        // The operator sets the namespace by itself.
        var ours = sources(
            scrape["relabel_configs"], target: "target_label", names: "source_labels")
        ours["namespace"] = nil
        #expect(theirs == ours)
    }
}

extension Array<Substring> {
    fileprivate var pair: (String, String)? {
        count == 2 ? (String(self[0]), String(self[1])) : nil
    }
}
