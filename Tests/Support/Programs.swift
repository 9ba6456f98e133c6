package import Foundation
internal import Glibc

/// The programs of this build, and others of this machine, run as anybody runs them.
package enum Programs {
    /// Where the programs of this build are: beside the test bundle.
    package static let folder = URL(fileURLWithPath: CommandLine.arguments[0])
        .resolvingSymlinksInPath().deletingLastPathComponent().path

    /// The project's own folder.
    package static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// A path that nothing stands at, in a folder that the machine cleans.
    package static func temporaryPath(_ ending: String) -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("tidemark-\(UInt32.random(in: 0...UInt32.max))\(ending)").path
    }

    /// Runs any program to its end, fed from a text; its status and what it printed.
    /// - Parameter path: a folder in which programs are looked for first.
    package static func run(
        _ program: String, _ arguments: [String], input: String = "", path: String? = nil
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        if let path {
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] = path + ":" + (environment["PATH"] ?? "")
            process.environment = environment
        }
        let (feed, output) = (Pipe(), Pipe())
        process.standardInput = feed
        process.standardOutput = output
        process.standardError = output
        try process.begin()
        // From a thread of its own: a program that prints before it has read all would else wait
        // for us and we for it.
        let bytes = Data(input.utf8)
        let handle = feed.fileHandleForWriting
        Thread.detachNewThread {
            try? handle.write(contentsOf: bytes)
            try? handle.close()
        }
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: printed, as: UTF8.self))
    }

    /// What Python makes of a text.
    /// - Parameter expression: of `b`, the text's bytes; it may use gzip and zlib.
    package static func coded(_ text: String, _ expression: String) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let program =
            "import sys,gzip,zlib;b=sys.stdin.buffer.read();"
            + "open(sys.argv[1],'wb').write(\(expression))"
        let (status, output) = try run(
            "python3", ["-c", program, folder.path + "/out"], input: text)
        guard status == 0 else { throw Failure(output) }
        return Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out")))
    }

    /// Runs loadgen against a port of this machine.
    package static func loadgen(
        _ port: UInt16, _ arguments: [String], command: String = "run",
        alsoAt second: UInt16? = nil, at target: String? = nil
    ) throws -> LoadOutcome {
        let json = temporaryPath(".txt")
        defer { try? FileManager.default.removeItem(atPath: json) }
        var target = target ?? "http://127.0.0.1:\(port)"
        if let second { target += ",http://127.0.0.1:\(second)" }
        let (status, output) = try run(
            "\(folder)/loadgen", [command, "--target", target, "--json", json] + arguments)
        let report = (try? Data(contentsOf: URL(fileURLWithPath: json))).flatMap {
            try? JSONSerialization.jsonObject(with: $0) as? [String: Any]
        }
        return LoadOutcome(status: status, output: output, report: report ?? [:])
    }

    /// Runs `body` with a service on a free port, then stops it by pid.
    package static func withService(
        _ environment: [String: String] = [:], _ body: (UInt16, Int32) throws -> Void
    ) throws {
        let service = try RunningService(["THREADS": "1"].merging(environment) { $1 })
        defer {
            kill(service.process.processIdentifier, SIGCONT)
            _ = service.stop()
        }
        try body(service.port, service.process.processIdentifier)
    }

    /// What the service says of itself: a metric with its labels, as Prometheus reads it.
    package static func metric(_ port: UInt16, _ name: String) throws -> Double {
        let text = try run("curl", ["-sS", "http://127.0.0.1:\(port)/metrics"]).output
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        guard let value = line.flatMap({ Double($0.dropFirst(name.count + 1)) }) else {
            throw Failure("no metric \(name)")
        }
        return value
    }
}

extension Process {
    /// Starts it as a shell would. The threads of a test block every signal, and a program that is
    /// started from one inherits that: it would not hear that it is to stop.
    package func begin() throws {
        var none = sigset_t()
        var before = sigset_t()
        // SAFETY: the C library fills one set and reads the other, both live until it returns.
        unsafe sigemptyset(&none)
        unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

/// What a run of loadgen came to.
package struct LoadOutcome {
    package let status: Int32
    package let output: String
    package let report: [String: Any]

    /// A number of the result, by the names on the way to it; NaN where there is none.
    package func number(_ path: String...) -> Double {
        var value: Any? = report
        for name in path { value = (value as? [String: Any])?[name] }
        return (value as? NSNumber)?.doubleValue ?? .nan
    }
}

/// Why a test could not go on.
package struct Failure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
