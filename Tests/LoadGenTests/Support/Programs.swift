import Foundation
import Glibc
import Testing

/// The programs of this build, run as anybody runs them.
enum Programs {
    static let folder = URL(fileURLWithPath: CommandLine.arguments[0])
        .resolvingSymlinksInPath().deletingLastPathComponent().path

    /// What a run of loadgen came to.
    struct Outcome {
        let status: Int32
        let output: String
        let report: [String: Any]

        func number(_ group: String, _ name: String) -> Double {
            let inner = report[group] as? [String: Any] ?? [:]
            return (inner[name] as? NSNumber)?.doubleValue ?? .nan
        }

        func number(_ name: String) -> Double {
            (report[name] as? NSNumber)?.doubleValue ?? .nan
        }
    }

    /// A path that nothing stands at, in a folder that the machine cleans.
    static func temporaryPath(_ ending: String) -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("loadgen-\(UInt32.random(in: 0...UInt32.max))\(ending)").path
    }

    /// Runs any program to its end.
    static func run(_ program: String, _ arguments: [String], path: String? = nil) throws
        -> (status: Int32, output: String)
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        if let path {
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] = path + ":" + (environment["PATH"] ?? "")
            process.environment = environment
        }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Runs loadgen against a port of this machine.
    static func loadgen(
        _ port: UInt16, _ arguments: [String], command: String = "run", alsoAt second: UInt16? = nil
    ) throws -> Outcome {
        let json = temporaryPath(".txt")
        defer { try? FileManager.default.removeItem(atPath: json) }
        var target = "http://127.0.0.1:\(port)"
        if let second { target += ",http://127.0.0.1:\(second)" }
        let (status, output) = try run(
            "\(folder)/loadgen", [command, "--target", target, "--json", json] + arguments)
        let report = (try? Data(contentsOf: URL(fileURLWithPath: json))).flatMap {
            try? JSONSerialization.jsonObject(with: $0) as? [String: Any]
        }
        return Outcome(status: status, output: output, report: report ?? [:])
    }

    /// Runs `body` with a service on a free port, then stops it by pid.
    static func withService(
        _ environment: [String: String] = [:], _ body: (UInt16, Int32) throws -> Void
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(folder)/tidemark")
        process.arguments = ["--port", "0", "--threads", "1"]
        process.environment = environment
        let log = Pipe()
        process.standardError = log
        try process.run()
        defer {
            kill(process.processIdentifier, SIGCONT)
            process.terminate()
            process.waitUntilExit()
        }
        let line = String(decoding: log.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(
            line.range(of: "serves on port ").flatMap {
                UInt16(line[$0.upperBound...].prefix { $0.isNumber })
            })
        try body(port, process.processIdentifier)
    }

    /// What the service says of itself: a metric with its labels, as Prometheus reads it.
    static func metric(_ port: UInt16, _ name: String) throws -> Double {
        let text = try run("curl", ["-sS", "http://127.0.0.1:\(port)/metrics"]).output
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return try #require(line.flatMap { Double($0.dropFirst(name.count + 1)) })
    }
}
