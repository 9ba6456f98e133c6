package import Foundation
package import TLS

/// A service of this build, started on a free port and stopped by pid.
package final class RunningService {
    package let process = Process()
    package let port: UInt16
    private let log = Pipe()
    /// What it logged until it was ready.
    private var earlyLog = ""
    /// By whom it is known, where it speaks TLS.
    package let trust: TLSContext.Trust?
    /// With this in the environment of the tests every service speaks TLS, and its clients too.
    private static let everywhere = Result { try TestCertificate(names: ["DNS:localhost"]) }
    package static let isSecuredEverywhere =
        ProcessInfo.processInfo.environment["TEST_SERVICE_TLS"] == "1"

    /// - Parameters:
    ///   - launcher: a command that ends with executing the one that follows it.
    ///   - port: 0 takes a free one.
    package init(
        _ settings: [String: String] = [:], arguments: [String] = [], under launcher: [String] = [],
        port wanted: UInt16 = 0
    ) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            launcher + [Programs.folder + "/tidemark", "--port", "\(wanted)"] + arguments
        process.environment = ["THREADS": "2", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
            .merging(settings) { $1 }
        if RunningService.isSecuredEverywhere, settings["TLS_CERT"] == nil {
            let certificate = try RunningService.everywhere.get()
            process.environment?["TLS_CERT"] = certificate.certificate
            process.environment?["TLS_KEY"] = certificate.key
        }
        if RunningRedis.isSecuredEverywhere, settings["REDIS_CA"] == nil {
            process.environment?["REDIS_CA"] = try RunningRedis.everywhere.get().certificate
        }
        trust = process.environment?["TLS_CERT"].map { .authorities(file: $0) }
        process.standardError = log
        try process.begin()
        var text = ""
        var found: UInt16?
        while found == nil {
            let chunk = log.fileHandleForReading.availableData
            guard !chunk.isEmpty else { break }
            text += String(decoding: chunk, as: UTF8.self)
            if let range = text.range(of: "serves on port ") {
                found = UInt16(text[range.upperBound...].prefix { $0.isNumber })
            }
        }
        guard let found else { throw Failure("the service did not start: \(text)") }
        port = found
        earlyLog = text
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// Asks it to stop and waits; returns its exit status.
    package func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Stops it, and returns what it logged.
    package func stopAndReadLog() -> String {
        _ = stop()
        let rest = log.fileHandleForReading.readDataToEndOfFile()
        return earlyLog + String(decoding: rest, as: UTF8.self)
    }

    package func connect() throws -> RawClient { try RawClient(port: port, trusting: trust) }

    /// One request on a connection of its own.
    package func send(_ request: String) throws -> Response {
        let client = try connect()
        try client.write(request)
        return try client.response(isHead: request.hasPrefix("HEAD"))
    }

    package func get(_ path: String, headers: String = "") throws -> Response {
        try send("GET \(path) HTTP/1.1\r\nHost: test\r\n\(headers)\r\n")
    }

    package func post(_ path: String, _ body: String, headers: String = "") throws -> Response {
        try send(RunningService.post(path, body, headers: headers))
    }

    package static func post(_ path: String, _ body: String, headers: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: test\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n"
            + body
    }
}

/// An answer as it came.
package struct Response {
    package let status: Int
    package let headers: [String: String]
    package let body: String

    package var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    package func number(_ name: String) -> Double? { (json[name] as? NSNumber)?.doubleValue }
}
