import Foundation
import TestSupport
import Testing

/// What is below `k8s`, against Kubernetes' own schemas and against itself.
@Suite struct ManifestTests {
    private static let python = Programs.root + "/.build/clients/bin/python"

    private func check(_ folder: String, _ more: String...) throws
        -> (status: Int32, output: String)
    {
        try Programs.run(
            Self.python,
            [
                Programs.root + "/scripts/check-manifests", "--root", folder, "--bin",
                Programs.folder,
            ] + more)
    }

    @Test("every overlay is valid for Kubernetes 1.29 and the newest, and refers to what is there")
    func isValid() throws {
        let run = try check(Programs.root + "/k8s")
        #expect(run.status == 0, "\(run.output)")
        #expect(run.output.contains(" 0 complaints"))
    }

    /// A mistake in one file, and what must be said of it.
    struct Mistake: CustomTestStringConvertible, Sendable {
        let file: String
        let good: String
        let bad: String
        let complaint: String

        init(_ file: String, replacing good: String, with bad: String, says complaint: String) {
            (self.file, self.good, self.bad, self.complaint) = (file, good, bad, complaint)
        }

        var testDescription: String { "\(file): \(bad)" }
    }

    private static let mistakes: [Mistake] = [
        Mistake(
            "base/deployment.yaml", replacing: "replicas: 2", with: "replica: 2",
            says: "'replica' was unexpected"),
        Mistake(
            "base/deployment.yaml", replacing: "revisionHistoryLimit: 5",
            with: "revisionHistoryLimit: x", says: "integer"),
        Mistake(
            "base/service.yaml", replacing: "targetPort: http", with: "targetPort: web",
            says: "leads to port web"),
        Mistake(
            "base/service.yaml", replacing: "app.kubernetes.io/component: service\n  ports",
            with: "app.kubernetes.io/component: server\n  ports",
            says: "its selector matches no pod"),
        Mistake(
            "base/tidemark.env", replacing: "IDLE_TIMEOUT=310s", with: "IDLE_TIMEOUT=30s",
            says: "IDLE_TIMEOUT is not"),
        Mistake(
            "base/tidemark.env", replacing: "LOG_LEVEL=info", with: "LOG_LEVEL=loud",
            says: "allowed is debug, info, warning, error"),
        Mistake(
            "base/tidemark.env", replacing: "LOG_FORMAT", with: "LOGFORMAT",
            says: "LOGFORMAT is no setting of tidemark"),
        Mistake(
            "base/tidemark.env", replacing: "MAX_DEVICES=100000", with: "MAX_DEVICES=1000000",
            says: "may need"),
        Mistake(
            "base/tidemark.env", replacing: "PORT=8080", with: "PORT=8081",
            says: "serves on PORT 8081"),
        Mistake(
            "base/deployment.yaml", replacing: "configMapRef:\n                name: tidemark",
            with: "configMapRef:\n                name: other", says: "no ConfigMap other"),
        Mistake(
            "base/hpa.yaml", replacing: "kind: Deployment", with: "kind: StatefulSet",
            says: "no StatefulSet tidemark"),
        Mistake(
            "base/hpa.yaml", replacing: "minReplicas: 2", with: "minReplicas: 3",
            says: "not within its bounds"),
        Mistake(
            "base/ingress.yaml", replacing: "name: http", with: "name: web",
            says: "no Service tidemark with port"),
        Mistake(
            "base/deployment.yaml", replacing: "terminationGracePeriodSeconds: 40",
            with: "terminationGracePeriodSeconds: 25", says: "is killed before"),
        Mistake(
            "base/deployment.yaml", replacing: "readOnlyRootFilesystem: true",
            with: "readOnlyRootFilesystem: false",
            says: "readOnlyRootFilesystem"),
        Mistake(
            "base/deployment.yaml", replacing: "name: tidemark-auth", with: "name: nobody",
            says: "Secret nobody"),
        Mistake(
            "base/serviceaccount.yaml", replacing: "name: tidemark\n  l", with: "name: t\n  l",
            says: "no ServiceAccount"),
        Mistake(
            "redis/statefulset.yaml", replacing: "- name: config\n          conf",
            with: "- name: c\n          conf",
            says: "mounts volume config, which it does not have"),
        Mistake(
            "redis/redis.conf", replacing: "maxmemory-policy noeviction",
            with: "maxmemory-policy volatile-lru",
            says: "maxmemory-policy volatile-lru may evict series"),
        Mistake(
            "redis/redis.conf", replacing: "maxmemory 384mb", with: "maxmemory 768mb",
            says: "maxmemory 768mb is over half of its memory limit"),
        Mistake(
            "redis/redis.conf", replacing: "maxmemory 384mb", with: "",
            says: "redis.conf has no maxmemory in mb"),
        Mistake(
            "redis/networkpolicy.yaml", replacing: "component: store", with: "component: cache",
            says: "matches no pod"),
        Mistake(
            "redis/statefulset.yaml", replacing: "redis:7.4-bookworm", with: "redis",
            says: "has no fixed version"),
        Mistake(
            "loadtest/configmap.yaml", replacing: "CONNECTIONS", with: "USERS",
            says: "$(CONNECTIONS)"),
        Mistake(
            "loadtest/job.yaml", replacing: "--devices", with: "--device",
            says: "--device is no flag of loadgen"),
    ]

    @Test("a mistake is found and named", arguments: mistakes)
    func namesMistakes(_ mistake: Mistake) throws {
        let folder = Programs.temporaryPath("-k8s")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: Programs.root + "/k8s", toPath: folder)
        let path = folder + "/" + mistake.file
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains(mistake.good), "the mistake is made nowhere")
        try text.replacingOccurrences(of: mistake.good, with: mistake.bad)
            .write(toFile: path, atomically: true, encoding: .utf8)
        let whole = mistake.file.hasPrefix("loadtest") ? "loadtest" : "overlays/minikube"
        let run = try check(folder, "--only", whole, "--schemas", "newest")
        #expect(run.status == 1)
        #expect(run.output.contains(mistake.complaint), "\(run.output)")
    }

    @Test("compose runs what the cluster runs, from files that are there")
    func checksCompose() throws {
        let folder = Programs.temporaryPath("-compose")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for name in ["k8s", "compose"] {
            try FileManager.default.copyItem(
                atPath: "\(Programs.root)/\(name)", toPath: "\(folder)/\(name)")
        }
        let text = try String(
            contentsOfFile: Programs.root + "/docker-compose.yml", encoding: .utf8)
        for (good, bad, complaint) in [
            ("", "", ""),
            ("grafana/grafana:", "grafana/grafana:9", "is not the one of the cluster"),
            ("./compose/nginx.conf", "./compose/nginx", "./compose/nginx is not there"),
            ("MAX_DEVICES", "MAX_SERIES", "MAX_SERIES is no setting of tidemark"),
            ("grafana-password:\n", "password:\n", "secret grafana-password is not declared"),
            ("read_only: true", "read_only: false", "may write its root"),
            ("    read_only: false\n", "", "may not get grafana-password into its read-only"),
            ("pull_policy: never", "build: .", "which tidemark-1 builds already"),
        ] {
            let changed =
                good.isEmpty ? text : text.replacingOccurrences(of: good, with: bad)
            try changed.write(
                toFile: folder + "/docker-compose.yml", atomically: true, encoding: .utf8)
            let run = try check(folder + "/k8s", "--schemas", "")
            #expect(run.status == (complaint.isEmpty ? 0 : 1), "\(run.output)")
            #expect(complaint.isEmpty || run.output.contains(complaint), "\(run.output)")
        }
    }

    @Test("compose's Prometheus differs from the cluster's in how it finds the replicas alone")
    func sharesPrometheus() throws {
        let script = """
            import json, sys, yaml
            one, two = (yaml.safe_load(open(path)) for path in sys.argv[1:])
            for config in (one, two):
                assert [job["job_name"] for job in config["scrape_configs"]] == ["tidemark"]
                del config["scrape_configs"]
            print(one == two)
            """
        let run = try Programs.run(
            Self.python,
            [
                "-c", script, Programs.root + "/compose/prometheus.yml",
                Programs.root + "/k8s/monitoring/prometheus.yml",
            ])
        #expect(run.output == "True\n", "\(run.output)")
    }

    @Test("the arguments of the load test's Job are a run of loadgen")
    func runsJob() throws {
        let job = try rendered("loadtest", "Job")
        let config = try rendered("loadtest", "ConfigMap")
        try Programs.withService { port, _ in
            var values = config["data"] as? [String: String] ?? [:]
            values["TARGET"] = "http://127.0.0.1:\(port)"
            values["RPS"] = "100"
            values["DURATION"] = "1s"
            let spec = (job["spec"] as? [String: Any])?["template"] as? [String: Any]
            let pod = spec?["spec"] as? [String: Any]
            let container = (pod?["containers"] as? [[String: Any]])?.first
            let arguments = (container?["args"] as? [String] ?? []).map { argument in
                values.reduce(argument) {
                    $0.replacingOccurrences(of: "$(\($1.key))", with: $1.value)
                }
            }
            let run = try Programs.run(
                Programs.folder + "/loadgen", arguments + ["--allow-late"])
            #expect(run.status == 0, "\(run.output)")
            #expect(run.output.contains("\n{\"kind\":\"run\","))
        }
    }

    /// The one object of a kind in a kustomization.
    private func rendered(_ folder: String, _ kind: String) throws -> [String: Any] {
        let script = """
            import json, pathlib, sys
            sys.path.insert(0, sys.argv[1])
            import manifestlib
            items = manifestlib.render(pathlib.Path(sys.argv[2]))
            print(json.dumps([item for item in items if item["kind"] == sys.argv[3]][0]))
            """
        let run = try Programs.run(
            Self.python,
            [
                "-B", "-c", script, Programs.root + "/scripts",
                "\(Programs.root)/k8s/\(folder)", kind,
            ])
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require(object as? [String: Any], "\(run.output)")
    }
}
