import Foundation
import TestSupport
import Testing

/// Passwords: none in the files, and scripts/monitoring-secrets makes those that are missing.
@Suite struct MonitoringSecretTests {
    @Test("no manifest has a secret, and the example has none either")
    func keepsNoSecret() throws {
        let folder = MonitoringFiles.folder
        let resources = try Document.yaml("\(folder)/kustomization.yaml")["resources"].list
        for resource in resources.map(\.text) where resource.hasSuffix(".yaml") {
            let kinds = try Document.yamlDocuments("\(folder)/\(resource)").map(\.["kind"].text)
            #expect(!kinds.contains("Secret"), "\(resource)")
        }
        let examples = try Document.yamlDocuments("\(folder)/secrets.example.yaml")
        #expect(examples.count == 2)
        for example in examples {
            #expect(example["stringData"].map.values.map(\.text) == ["REPLACE-ME"])
        }
    }

    @Test("missing secrets are made by chance or from the environment, and never shown")
    func makesWhatIsMissing() throws {
        let cluster = try PretendedCluster()
        let output = try cluster.run("SMTP_PASSWORD=sesame")
        let made = try #require(try cluster.secret("grafana-admin"))
        #expect(made.contains(/^admin-password=[0-9a-f]{48}$/))
        #expect(try cluster.secret("alertmanager-smtp") == "smtp-password=sesame")
        let calls = try cluster.calls()
        for place in [output, calls] {
            #expect(!place.contains("sesame"))
            #expect(!place.contains(made.dropFirst("admin-password=".count)))
        }
        #expect(calls.contains("-n highload create secret generic grafana-admin"))
    }

    @Test("secrets that are there stay as they are")
    func leavesWhatIsThere() throws {
        let cluster = try PretendedCluster()
        _ = try cluster.run("SMTP_PASSWORD=sesame")
        let before = try cluster.secret("grafana-admin")
        _ = try cluster.run("SMTP_PASSWORD=another")
        #expect(try cluster.secret("grafana-admin") == before)
        #expect(try cluster.secret("alertmanager-smtp") == "smtp-password=sesame")
    }

    @Test("a cluster that does not answer is no cluster without secrets")
    func stopsWithoutAnAnswer() throws {
        let cluster = try PretendedCluster(answers: false)
        #expect(throws: Failure.self) { try cluster.run("SMTP_PASSWORD=sesame") }
        #expect(try cluster.secret("grafana-admin") == nil)
    }
}

/// A kubectl that keeps secrets in a folder.
private final class PretendedCluster {
    private let folder = Programs.temporaryPath("-cluster")

    init(answers: Bool = true) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let program = """
            #!/usr/bin/env bash
            set -eu
            cd '\(folder)'
            echo "$*" >>calls
            \(answers ? "" : "exit 1")
            case "$3" in
                get) [ -e "secret-$5" ] && echo "secret/$5"; exit 0 ;;
                create) key=${7#--from-file=}; echo "${key%%=*}=$(cat "${key#*=}")" >"secret-$6" ;;
            esac
            """
        try program.write(toFile: "\(folder)/kubectl", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: "\(folder)/kubectl")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    @discardableResult
    func run(_ setting: String) throws -> String {
        let script = "\(Programs.root)/scripts/monitoring-secrets"
        let (status, output) = try Programs.run(
            "env", [setting, "KUBECTL=\(folder)/kubectl", script])
        guard status == 0 else { throw Failure(output) }
        return output
    }

    func calls() throws -> String {
        try String(contentsOfFile: "\(folder)/calls", encoding: .utf8)
    }

    func secret(_ name: String) throws -> String? {
        let path = "\(folder)/secret-\(name)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try String(contentsOfFile: path, encoding: .utf8)
            .trimmingCharacters(in: .newlines)
    }
}
