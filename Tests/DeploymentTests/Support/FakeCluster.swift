import Foundation
import TestSupport

/// A `kubectl` that renders as the real one does, and notes down what a cluster would have been
/// told.
final class FakeCluster {
    /// Put first in the search path.
    let folder = Programs.temporaryPath("-cluster")

    /// - Parameter answers: cases of a shell's `case "$*" in`, before the usual ones.
    init(_ answers: String) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let real = try Programs.run("sh", ["-c", "command -v kubectl"]).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try write(
            "kubectl",
            """
            echo "kubectl $*" >>'\(folder)/calls'
            case "$*" in
            kustomize*) exec '\(real.isEmpty ? "false" : real)' "$@" ;;
            \(answers)
            *"apply -f -") cat >>'\(folder)/applied' ;;
            *"create secret"*) cat >/dev/null ;;
            esac
            """)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Another program of this cluster's machine.
    func write(_ program: String, _ script: String) throws {
        let path = "\(folder)/\(program)"
        try ("#!/bin/sh\n" + script + "\n").write(
            toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    /// Runs a script of the project's against it.
    func run(_ script: String, _ settings: [String] = []) throws -> (status: Int32, output: String)
    {
        try Programs.run(
            "env", settings + ["\(Programs.root)/scripts/\(script)"], path: folder)
    }

    /// What it was asked, a line each.
    var calls: [String] { read("calls").split(separator: "\n").map(String.init) }
    /// The manifests that it was given.
    var applied: String { read("applied") }

    private func read(_ name: String) -> String {
        (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
    }
}
