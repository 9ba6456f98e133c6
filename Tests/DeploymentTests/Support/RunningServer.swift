import Foundation
import Glibc
import TestSupport

/// A server of the test's own, in a folder of its own, stopped by pid even when the test fails.
final class RunningServer {
    let process = Process()
    let port: UInt16
    let folder: URL
    private let log: URL

    /// Starts `program` once `prepare` has put its files into the folder and said its arguments,
    /// and waits until `path` answers 200.
    /// - Parameter port: nil takes a free one.
    init(
        _ program: String, readyAt path: String, port wanted: UInt16? = nil,
        prepare: (URL, UInt16) throws -> [String]
    ) throws {
        port = try wanted ?? freePort()
        folder = URL(fileURLWithPath: Programs.temporaryPath("-\(program)"))
        log = folder.appendingPathComponent("log")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + (try prepare(folder, port))
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let output = try FileHandle(forWritingTo: log)
        process.standardOutput = output
        process.standardError = output
        try process.begin()
        for _ in 0..<1000 {
            if !process.isRunning { break }
            if let answer = try? get(path), answer.status == 200 { return }
            usleep(20_000)
        }
        throw Failure("\(program) does not serve \(path): \(logged)")
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    var logged: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Asks it to stop, and makes it after five seconds.
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        for _ in 0..<500 where process.isRunning { usleep(10_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// One request, its query's values encoded as they must be.
    func get(_ path: String, _ query: [String: String] = [:]) throws -> (
        status: Int, body: Document
    ) {
        var arguments = ["-sS", "-m", "20", "-G", "-w", "\n%{http_code}"]
        for (name, value) in query { arguments += ["--data-urlencode", "\(name)=\(value)"] }
        let (status, output) = try Programs.run(
            "curl", arguments + ["http://127.0.0.1:\(port)\(path)"])
        guard status == 0, let end = output.lastIndex(of: "\n"),
            let code = Int(output[output.index(after: end)...])
        else { throw Failure("\(path): \(output)") }
        let body = try? Document(json: Data(output[..<end].utf8))
        return (code, body ?? .scalar(String(output[..<end])))
    }
}
