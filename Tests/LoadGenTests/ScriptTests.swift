import Foundation
import TestSupport
import Testing

/// `make loadtest` and `make report`, on the programs of this build.
@Suite(.serialized) struct ScriptTests {
    /// A folder with a `kubectl` that behaves as one with a cluster, or without.
    private func kubectl(_ script: String) throws -> String {
        let folder = Programs.temporaryPath("-bin")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/kubectl"
        try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return folder
    }

    private func loadtest(_ port: UInt16, kubectl folder: String) throws
        -> (output: String, report: String)
    {
        let out = Programs.temporaryPath("-reports")
        defer {
            try? FileManager.default.removeItem(atPath: folder)
            try? FileManager.default.removeItem(atPath: out)
        }
        let run = try Programs.run(
            "env",
            [
                "TARGET=http://127.0.0.1:\(port)", "RPS=100", "DURATION=2s",
                "HOST_HEADER=streaming.local", "BIN=\(Programs.folder)", "OUT=\(out)",
                "LOADGEN_FLAGS=--allow-late", Programs.root + "/scripts/loadtest",
            ], path: folder)
        #expect(run.status == 0, "\(run.output)")
        for file in ["loadtest.json", "loadtest.csv", "loadtest-timeline.svg"] {
            #expect(FileManager.default.fileExists(atPath: "\(out)/\(file)"))
        }
        return (run.output, try String(contentsOfFile: out + "/loadtest.md", encoding: .utf8))
    }

    @Test("a load test reports the most replicas that the cluster came to")
    func watchesReplicas() throws {
        // It answers at once when asked, and goes on answering when told to watch.
        let folder = try kubectl(
            """
            case "$*" in
            *-w*) echo 2; sleep 1; echo 5; echo 3; exec sleep 60 ;;
            *) echo 2 ;;
            esac
            """)
        try Programs.withService { port, _ in
            let run = try loadtest(port, kubectl: folder)
            let row = run.report.split(separator: "\n").first { $0.hasPrefix("| 100 RPS |") }
            #expect(row?.hasSuffix("| 0 | 5 |") == true, "\(run.report)")
        }
    }

    @Test("without a cluster it says so and leaves the replicas open")
    func runsWithoutCluster() throws {
        let folder = try kubectl("echo 'connection refused' >&2; exit 1\n")
        try Programs.withService { port, _ in
            let run = try loadtest(port, kubectl: folder)
            #expect(run.output.contains("no cluster"))
            let row = run.report.split(separator: "\n").first { $0.hasPrefix("| 100 RPS |") }
            #expect(row?.hasSuffix("| 0 | – |") == true, "\(run.report)")
        }
    }

    @Test("the same files give the same page, with every picture that it shows")
    func repeatsReport() throws {
        let folder = Programs.temporaryPath("-page")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try "a.errors == 0\n".write(
            toFile: folder + "/thresholds", atomically: true, encoding: .utf8)
        try Programs.withService { port, _ in
            let run = try Programs.run(
                Programs.folder + "/loadgen",
                [
                    "run", "--target", "http://127.0.0.1:\(port)", "--rate", "200", "--duration",
                    "1s", "--allow-late", "--json", folder + "/a.json",
                ])
            #expect(run.status == 0, "\(run.output)")
        }
        var pages: [String] = []
        for _ in 0..<2 {
            let report = try Programs.run(
                Programs.folder + "/loadgen",
                [
                    "report", "--thresholds", folder + "/thresholds", "--out",
                    folder + "/deep/report.md", "a=\(folder)/a.json",
                ])
            #expect(report.status == 0, "\(report.output)")
            pages.append(
                try String(contentsOfFile: folder + "/deep/report.md", encoding: .utf8))
        }
        #expect(pages[0] == pages[1])
        #expect(pages[0].contains("**PASSED:** all 1 gates."))
        let pictures = pages[0].components(separatedBy: "](").dropFirst().map {
            String($0.prefix { $0 != ")" })
        }
        #expect(pictures.count == 2)
        for picture in pictures {
            #expect(FileManager.default.fileExists(atPath: "\(folder)/deep/\(picture)"))
        }
    }
}
