import Foundation
import Glibc
import Testing

/// The program itself against real servers, good and bad.
@Suite(.serialized) struct RunTests {
    private static let programs = URL(fileURLWithPath: CommandLine.arguments[0])
        .resolvingSymlinksInPath().deletingLastPathComponent().path

    private struct Outcome {
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

    private func loadgen(_ port: UInt16, _ arguments: [String]) throws -> Outcome {
        let json = FileManager.default.temporaryDirectory
            .appendingPathComponent("loadgen-\(UInt32.random(in: 0...UInt32.max)).txt")
        defer { try? FileManager.default.removeItem(at: json) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(Self.programs)/loadgen")
        process.arguments =
            ["run", "--target", "http://127.0.0.1:\(port)", "--json", json.path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let report = (try? Data(contentsOf: json)).flatMap {
            try? JSONSerialization.jsonObject(with: $0) as? [String: Any]
        }
        return Outcome(
            status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            report: report ?? [:])
    }

    /// Runs `body` with a service on a free port, then stops it by pid.
    private func withService(
        _ environment: [String: String] = [:], _ body: (UInt16, Int32) throws -> Void
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(Self.programs)/tidemark")
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

    private func metric(_ port: UInt16, _ name: String) throws -> Double {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        curl.arguments = ["curl", "-sS", "http://127.0.0.1:\(port)/metrics"]
        let pipe = Pipe()
        curl.standardOutput = pipe
        try curl.run()
        let text = String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        curl.waitUntilExit()
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return try #require(line.flatMap { Double($0.dropFirst(name.count + 1)) })
    }

    @Test("at a fixed rate it sends what it says, and the service has counted the same")
    func countsWhatItSends() throws {
        try withService { port, _ in
            let run = try loadgen(
                port,
                [
                    "--rate", "500", "--duration", "2s", "--connections", "8", "--devices", "10",
                    "--mix", "ingest=1,analyze=0", "--allow-late", "--slo", "errors < 0.1%",
                ])
            #expect(run.status == 0, "\(run.output)")
            #expect(abs(run.number("requests") - 1000) <= 1)
            #expect(run.number("errors", "total") == 0)
            #expect(try metric(port, "samples_total") == run.number("requests"))
            #expect(try metric(port, "devices") == 10)
        }
    }

    @Test("a server that stalls shows in the latency, though only few requests saw it")
    func omitsNothing() throws {
        try withService { port, pid in
            let stall = Thread {
                usleep(1_000_000)
                kill(pid, SIGSTOP)
                usleep(500_000)
                kill(pid, SIGCONT)
            }
            stall.start()
            let run = try loadgen(
                port, ["--rate", "200", "--duration", "2s", "--connections", "4", "--allow-late"])
            // A quarter of the requests were due while nothing answered; four of them had been sent.
            #expect(run.number("latency_ms", "p90") > 150, "\(run.output)")
            #expect(run.number("service_time_ms", "p90") < 150, "\(run.output)")
            #expect(run.number("latency_ms", "max") > 350)
            #expect(run.number("requests") >= 395)
        }
    }

    @Test("refused requests are counted by kind, and a threshold that fell short is 99")
    func countsRefusals() throws {
        try withService(["AUTH_TOKEN": "x"]) { port, _ in
            let run = try loadgen(
                port,
                [
                    "--rate", "200", "--duration", "1s", "--mix", "ingest=1,analyze=0",
                    "--allow-late", "--slo", "errors < 1%",
                ])
            #expect(run.status == 99, "\(run.output)")
            #expect(run.number("errors", "4xx") == run.number("requests"))
            #expect(run.output.contains("FELL SHORT"))
            let right = try loadgen(
                port, ["--rate", "200", "--duration", "1s", "--token", "x", "--allow-late"])
            #expect(right.number("errors", "total") == 0)
        }
    }

    @Test("a dead target and one that never answers end in a clear line")
    func survivesDeadTargets() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutableBytes(of: &address) { bytes in
            let raw = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            _ = unsafe bind(listener, raw, length)
            _ = unsafe getsockname(listener, raw, &length)
        }
        let port = UInt16(bigEndian: address.sin_port)
        let dead = try loadgen(port, ["--rate", "50", "--duration", "1s", "--connections", "2"])
        #expect(dead.status == 1)
        #expect(dead.output.contains("no request was answered"))
        #expect(dead.number("errors", "connect") > 0)
        listen(listener, 16)
        let silent = try loadgen(
            port,
            [
                "--rate", "50", "--duration", "1s", "--connections", "2", "--timeout", "300ms",
                "--allow-late",
            ])
        #expect(silent.status == 1)
        #expect(silent.number("errors", "timeout") > 0)
    }

    @Test(
        "a wrong flag is named",
        arguments: ["--rat", "--mix=ingest", "--rate=0", "--target=ftp://x"])
    func namesWrongFlags(_ flag: String) throws {
        let run = try loadgen(1, [flag])
        #expect(run.status == 64)
        #expect(run.output.contains(flag.split(separator: "=")[0]), "\(run.output)")
    }
}
