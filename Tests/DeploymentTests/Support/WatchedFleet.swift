import Foundation
import TestSupport

/// Two replicas over one Redis, watched by a real Prometheus and Alertmanager that run the deployed
/// files. Changed in them is only what a cluster would bring: where pods are found, the address of
/// Alertmanager, the file of the mail password, and how long anybody wants to wait.
final class WatchedFleet {
    let redis: RunningRedis
    /// By the names that their pods would have.
    let replicas: [(pod: String, service: RunningService)]
    let alertmanager: RunningServer
    let prometheus: RunningServer

    init() throws {
        redis = try RunningRedis()
        let store = ["STORE": redis.url]
        replicas = [
            ("tidemark-1", try RunningService(store)), ("tidemark-2", try RunningService(store)),
        ]
        alertmanager = try WatchedFleet.startAlertmanager()
        prometheus = try WatchedFleet.startPrometheus(
            ports: replicas.map { ($0.pod, $0.service.port) }, alertmanager: alertmanager.port)
    }

    func stop() {
        prometheus.stop()
        alertmanager.stop()
        for replica in replicas { _ = replica.service.stop() }
        redis.kill()
    }

    /// Debian's package has another name for it than its makers.
    static func alertmanagerProgram() throws -> String {
        for name in ["prometheus-alertmanager", "alertmanager"]
        where try Programs.run("which", [name]).status == 0 { return name }
        throw Failure("no alertmanager: scripts/setup test")
    }

    /// Everything that it hears of goes to this address, one message for each device.
    static func startAlertmanager(telling url: String, port: UInt16? = nil) throws -> RunningServer
    {
        try RunningServer(alertmanagerProgram(), readyAt: "/-/ready", port: port) { folder, port in
            let path = folder.appendingPathComponent("alertmanager.yml")
            try """
            route:
              receiver: test
              group_by: [alertname, device, reason]
              group_wait: 100ms
              group_interval: 1s
              repeat_interval: 12h
            receivers:
              - name: test
                webhook_configs:
                  - url: \(url)
                    send_resolved: true
            """.write(to: path, atomically: true, encoding: .utf8)
            return [
                "--config.file=\(path.path)", "--storage.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ]
        }
    }

    private static func startAlertmanager() throws -> RunningServer {
        try RunningServer(alertmanagerProgram(), readyAt: "/-/ready") { folder, port in
            var file = try Document.yaml("\(MonitoringFiles.folder)/alertmanager.yml")
            let password = folder.appendingPathComponent("smtp-password")
            try "not a password".write(to: password, atomically: true, encoding: .utf8)
            file["global"]["smtp_auth_password_file"] = .scalar(password.path)
            // Nobody listens there: no test sends mail.
            file["global"]["smtp_smarthost"] = .scalar("127.0.0.1:\(try freePort())")
            let path = folder.appendingPathComponent("alertmanager.yml")
            try file.written().write(to: path, atomically: true, encoding: .utf8)
            return [
                "--config.file=\(path.path)", "--storage.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ]
        }
    }

    private static func startPrometheus(ports: [(String, UInt16)], alertmanager: UInt16) throws
        -> RunningServer
    {
        try RunningServer("prometheus", readyAt: "/-/ready") { folder, port in
            let targets = folder.appendingPathComponent("targets.json")
            try pods(ports).written().write(to: targets, atomically: true, encoding: .utf8)
            var file = try Document.yaml("\(MonitoringFiles.folder)/prometheus.yml")
            for name in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
                file["global"][name] = .scalar("1s")
            }
            file["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = .list([
                .scalar("127.0.0.1:\(alertmanager)")
            ])
            file["scrape_configs"][0] = foundInFile(file["scrape_configs"][0], targets.path)
            let path = folder.appendingPathComponent("prometheus.yml")
            try file.written().write(to: path, atomically: true, encoding: .utf8)
            let rules = folder.appendingPathComponent("rules")
            try FileManager.default.createDirectory(at: rules, withIntermediateDirectories: true)
            try impatientRules().write(
                to: rules.appendingPathComponent("tidemark.yml"), atomically: true, encoding: .utf8)
            return [
                "--config.file=\(path.path)", "--storage.tsdb.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
            ]
        }
    }

    /// The scrape configuration with its pods in a file instead of asked from Kubernetes; its
    /// relabelings stay as they are.
    static func foundInFile(_ scrape: Document, _ path: String) -> Document {
        var map = scrape.map
        map["kubernetes_sd_configs"] = nil
        map["file_sd_configs"] = .list([.map(["files": .list([.scalar(path)])])])
        return .map(map)
    }

    /// The rules, with every `for` shortened to two seconds.
    private static func impatientRules() throws -> String {
        let text = try MonitoringFiles.text(MonitoringFiles.rulesPath)
        return text.replacingOccurrences(
            of: #"(?m)^( +for:) .*$"#, with: "$1 2s", options: .regularExpression)
    }

    /// What discovery says of the pods of the namespace: the replicas, and neighbours that are not
    /// to be scraped: another port of the same pod, and a pod that has ended.
    private static func pods(_ ports: [(String, UInt16)]) -> Document {
        func pod(_ name: String, _ address: UInt16, port: String, phase: String) -> Document {
            .map([
                "targets": .list([.scalar("127.0.0.1:\(address)")]),
                "labels": .map([
                    "__meta_kubernetes_namespace": .scalar("highload"),
                    "__meta_kubernetes_pod_name": .scalar(name),
                    "__meta_kubernetes_pod_node_name": .scalar("node-of-\(name)"),
                    "__meta_kubernetes_pod_container_port_name": .scalar(port),
                    "__meta_kubernetes_pod_phase": .scalar(phase),
                ]),
            ])
        }
        var found = ports.map { pod($0.0, $0.1, port: "http", phase: "Running") }
        found.append(pod("tidemark-1", 1, port: "admin", phase: "Running"))
        found.append(pod("tidemark-0", 1, port: "http", phase: "Succeeded"))
        return .list(found)
    }
}
