import Foundation
import TestSupport
import Testing

/// `make deploy` and `make loadtest IN_CLUSTER=1`, against a kubectl that notes down what it is
/// told.
@Suite(.serialized) struct DeployScriptTests {
    /// Whether this machine has a kubectl that renders.
    static let hasKubectl =
        (try? Programs.run("kubectl", ["kustomize", Programs.root + "/k8s/base"]).status) == 0

    @Test(
        "everything is applied, with secrets by chance, and every workload waited for",
        .enabled(if: hasKubectl))
    func deploys() throws {
        let cluster = try FakeCluster(
            "*\"get secret\"*--ignore-not-found*) ;; *\"get secret\"*) exit 1 ;;")
        let run = try cluster.run("deploy")
        #expect(run.status == 0, "\(run.output)")
        let secret = "create secret generic grafana-admin --from-file=admin-password=/dev/stdin"
        #expect(cluster.calls.contains { $0.hasSuffix(secret) })
        for workload in [
            "deployment/tidemark", "statefulset/redis", "deployment/grafana",
            "statefulset/alertmanager",
        ] {
            #expect(
                cluster.calls.contains {
                    $0 == "kubectl -n highload rollout status \(workload) --timeout=300s"
                }, "\(cluster.calls)")
        }
        // The namespace comes first, then what is in it.
        let namespace = cluster.calls.firstIndex { $0.hasSuffix("k8s/base/namespace.yaml") }
        let secrets = cluster.calls.firstIndex { $0.contains("create secret") }
        let rest = cluster.calls.firstIndex { $0.hasSuffix("apply -f -") }
        #expect((namespace ?? .max) < (secrets ?? 0) && (secrets ?? .max) < (rest ?? 0))
        #expect(cluster.applied.contains("kind: HorizontalPodAutoscaler"))
        #expect(!cluster.applied.contains("kind: Secret"))
    }

    @Test(
        "a deployment under load keeps the replicas that the autoscaler gave it",
        .enabled(if: hasKubectl))
    func keepsReplicas() throws {
        let cluster = try FakeCluster("*\"get deployment tidemark\"*) printf 5 ;;")
        #expect(try cluster.run("deploy").status == 0)
        let replicas = cluster.applied.split(separator: "\n").filter {
            $0.hasPrefix("  replicas: ")
        }
        // The service's five; Grafana, Prometheus, Alertmanager and Redis have one each.
        #expect(
            replicas.sorted() == Array(repeating: "  replicas: 1", count: 4) + ["  replicas: 5"])
    }

    @Test(
        "on Minikube each build of the service is brought in under a name of its own, and runs",
        .enabled(if: hasKubectl), arguments: ["0123456789abcdef", "fedcba9876543210"])
    func deploysToMinikube(_ id: String) throws {
        let cluster = try FakeCluster("*current-context*) echo minikube ;;")
        // What it is given has the name that the archive was saved under.
        try cluster.write(
            "minikube",
            """
            echo "minikube $*" >>'\(cluster.folder)/calls'
            case "$*" in "image load "*) cat "$3" >>'\(cluster.folder)/calls' ;; esac
            """)
        try cluster.write(
            "docker",
            """
            case "$*" in
            "image inspect"*) echo sha256:\(id) ;;
            "save -o "*) echo "loaded $4" >"$3" ;;
            "tag tidemark"* | "rmi tidemark:dev-"*) ;;
            *) exit 1 ;;
            esac
            """)
        let run = try cluster.run("deploy")
        #expect(run.status == 0, "\(run.output)")
        #expect(cluster.calls.contains("minikube addons enable ingress"))
        #expect(cluster.calls.contains("minikube addons enable metrics-server"))
        let image = "tidemark:dev-\(id.prefix(12))"
        #expect(
            cluster.calls.filter { $0.hasPrefix("loaded ") }
                == ["loaded \(image)", "loaded tidemark-loadgen:dev"])
        let images = cluster.applied.split(separator: "\n").filter {
            $0.contains("image: tidemark")
        }
        #expect(images.map { $0.trimmingCharacters(in: .whitespaces) } == ["image: \(image)"])
    }

    @Test("what is missing is said in a line", .enabled(if: hasKubectl))
    func names() throws {
        let away = try FakeCluster("version*) exit 1 ;;")
        let run = try away.run("deploy")
        #expect(run.status == 1 && run.output.contains("reaches no cluster"))
        #expect(!away.calls.contains { $0.contains("apply") })
        let wrong = try FakeCluster("").run("deploy", ["OVERLAY=k8s/overlays/moon"])
        #expect(wrong.status == 1)
        #expect(wrong.output == "deploy: OVERLAY: k8s/overlays/moon has no kustomization.yaml\n")
        let strict = try FakeCluster(
            "*\"get secret\"*--ignore-not-found*) ;; *\"get secret\"*) exit 1 ;;")
        let production = try strict.run("deploy", ["OVERLAY=k8s/overlays/production"])
        #expect(
            production.status == 1
                && production.output.contains(
                    "Secrets are missing: tidemark-store tidemark-auth")
        )
        let stuck = try FakeCluster("*\"rollout status deployment/tidemark\"*) exit 1 ;;")
        #expect(try stuck.run("deploy").status != 0)
    }

    /// A cluster whose Job is a run of loadgen on this machine.
    private func cluster(_ port: UInt16, _ slo: String, succeeded: Bool) throws -> FakeCluster {
        let status = succeeded ? "1/" : "/1"
        return try FakeCluster(
            """
            *-w*) echo 2; sleep 1; echo 4; echo 3; exec sleep 60 ;;
            *"get hpa"*) echo 2 ;;
            *"get job loadtest"*) sleep 2; echo \(status) ;;
            *"logs job/loadtest"*) '\(Programs.folder)/loadgen' run --rate 100 --duration 1s \\
                --target http://127.0.0.1:\(port) --name '250 RPS' --slo '\(slo)' --json - \\
                --allow-late ;;
            """)
    }

    private func loadtest(_ cluster: FakeCluster, _ out: String) throws
        -> (status: Int32, output: String)
    {
        try cluster.run(
            "loadtest",
            [
                "IN_CLUSTER=1", "RPS=250", "SLO=p95 < 40ms", "DURATION=10s", "OUT=\(out)",
                "BIN=\(Programs.folder)",
            ])
    }

    /// The same, when nobody reads its reports.
    private func loadtest(_ cluster: FakeCluster) throws -> (status: Int32, output: String) {
        let out = Programs.temporaryPath("-reports")
        defer { try? FileManager.default.removeItem(atPath: out) }
        return try loadtest(cluster, out)
    }

    @Test(
        "a load test in the cluster is given its values, and its report is fetched",
        .enabled(if: hasKubectl))
    func loads() throws {
        let out = Programs.temporaryPath("-reports")
        defer { try? FileManager.default.removeItem(atPath: out) }
        try Programs.withService { port, _ in
            let held = try cluster(port, "errors <= 0%", succeeded: true)
            let run = try loadtest(held, out)
            #expect(run.status == 0, "\(run.output)")
            #expect(held.applied.contains("RPS: \"250\""))
            #expect(held.applied.contains("SLO: \"p95 < 40ms\""))
            #expect(held.applied.contains("DURATION: \"10s\""))
            #expect(held.applied.contains("TARGET: http://tidemark:8080"))
            #expect(run.output.contains("PASS     errors"))
            let report = try String(contentsOfFile: out + "/loadtest.md", encoding: .utf8)
            let row = report.split(separator: "\n").first { $0.hasPrefix("| 250 RPS |") }
            #expect(row?.hasSuffix("| 0 | 4 |") == true, "\(report)")
            #expect(FileManager.default.fileExists(atPath: out + "/loadtest-timeline.svg"))
            let short = try cluster(port, "p95 < 0us", succeeded: false)
            let fell = try loadtest(short, out)
            #expect(fell.status == 99, "\(fell.output)")
            #expect(fell.output.contains("FAIL     p95"))
        }
    }

    @Test(
        "where nothing is built the Job's own image writes its report", .enabled(if: hasKubectl))
    func needsNoToolchain() throws {
        let out = Programs.temporaryPath("-reports")
        defer { try? FileManager.default.removeItem(atPath: out) }
        try Programs.withService { port, _ in
            let cluster = try cluster(port, "errors <= 0%", succeeded: true)
            // What docker would do with the image: its loadgen, which sees the folder as /reports.
            try cluster.write(
                "docker",
                """
                echo "docker $*" >>'\(cluster.folder)/calls'
                while [ "$1" != show ]; do shift; done
                for word in "$@"; do
                    set -- "$@" "$(echo "$word" | sed 's|^/reports|\(out)|')"; shift
                done
                exec '\(Programs.folder)/loadgen' "$@"
                """)
            let run = try cluster.run(
                "loadtest",
                ["IN_CLUSTER=1", "RPS=250", "DURATION=10s", "OUT=\(out)", "BIN=/nowhere"])
            #expect(run.status == 0, "\(run.output)")
            let call = cluster.calls.first { $0.hasPrefix("docker run ") }
            #expect(call?.contains(" tidemark-loadgen:dev show ") == true, "\(cluster.calls)")
            let report = try String(contentsOfFile: out + "/loadtest.md", encoding: .utf8)
            let row = report.split(separator: "\n").first { $0.hasPrefix("| 250 RPS |") }
            #expect(row?.hasSuffix("| 0 | 4 |") == true, "\(report)")
        }
    }

    @Test("a Job that leaves no result is an error with its last lines", .enabled(if: hasKubectl))
    func reportsFailure() throws {
        let broken = try FakeCluster(
            """
            *"get hpa"*) exit 1 ;;
            *"get job loadtest"*) echo /1 ;;
            *"logs job/loadtest"*) echo 'loadgen: cannot resolve tidemark' ;;
            """)
        let run = try loadtest(broken)
        #expect(run.status == 1)
        #expect(run.output.contains("loadgen: cannot resolve tidemark"), "\(run.output)")
    }

    @Test("a Job whose image can't be pulled is given up at once", .enabled(if: hasKubectl))
    func givesUp() throws {
        let stuck = try FakeCluster(
            """
            *"get hpa"*) exit 1 ;;
            *"get job loadtest"*) grep -q 'get pods' "${0%/*}/calls" && echo /1 || echo / ;;
            *"get pods -l job-name=loadtest"*) echo "ImagePullBackOff: no such image" ;;
            """)
        let run = try loadtest(stuck)
        #expect(run.status == 1)
        #expect(
            run.output.contains("the Job's pod can't start: ImagePullBackOff: no such"),
            "\(run.output)")
        #expect(stuck.calls.last?.contains("delete job loadtest") == true)
    }

    @Test("a load test that is interrupted ends its Job", .enabled(if: hasKubectl))
    func endsJob() throws {
        // Asked for the Job's state, it interrupts the script: the first of that name above it.
        let cluster = try FakeCluster(
            """
            *"get hpa"*) exit 1 ;;
            *"get job loadtest"*)
                next=$PPID
                while ps -o args= -p "$next" | grep -q 'bash .*scripts/loadtest$'; do
                    script=$next next=$(ps -o ppid= -p "$next" | tr -d ' ')
                done
                kill -TERM "$script"
                echo /1 ;;
            """)
        let run = try loadtest(cluster)
        #expect(run.status == 143, "\(run.output)")
        #expect(cluster.calls.last?.contains("delete job loadtest") == true)
    }
}
