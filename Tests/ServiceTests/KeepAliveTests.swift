import Foundation
import TestSupport
import Testing

/// Clients that report just as often as a connection may rest, over a link with delay: there the
/// service closes while the next request is under way. Without delay it never shows.
@Suite struct KeepAliveTests {
    private static let folder = "\(Programs.root)/Tests/ServiceTests/KeepAlive"
    private static let posts = 500

    /// A program that runs beside the test, and the first line that it prints.
    private static func start(_ program: String, _ arguments: [String]) throws -> (Process, String)
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.begin()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return (process, line.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private func command(_ client: String, in folder: TemporaryFolder) throws -> [String] {
        switch client {
        case "go":
            let program = folder.path + "/client"
            let built = try Programs.run(
                "env",
                [
                    "GOCACHE=\(folder.path)/cache", "GO111MODULE=off", "go", "build", "-o", program,
                    KeepAliveTests.folder + "/client.go",
                ])
            guard built.status == 0 else { throw Failure("scripts/setup test; \(built.output)") }
            return [program]
        case "java": return ["java", KeepAliveTests.folder + "/Client.java"]
        case "aiohttp", "locust":
            // From PyPI, in the folder that scripts/setup makes.
            return [
                "\(Programs.root)/.build/clients/bin/python",
                "\(KeepAliveTests.folder)/client_\(client).py",
            ]
        case "node": return ["node", KeepAliveTests.folder + "/client.js"]
        default: return ["python3", KeepAliveTests.folder + "/client.py"]
        }
    }

    @Test(
        "500 posts, each after as long as a connection may rest: none fails",
        arguments: ["python", "aiohttp", "locust", "node", "go", "java"])
    func losesNoPost(_ client: String) throws {
        let folder = try TemporaryFolder()
        let command = try command(client, in: folder)
        let service = try RunningService(["IDLE_TIMEOUT": "2s"])
        let (proxy, port) = try KeepAliveTests.start(
            "python3", [KeepAliveTests.folder + "/delay.py", "\(service.port)", "0.04"])
        defer {
            proxy.terminate()
            proxy.waitUntilExit()
        }
        let (status, output) = try Programs.run(
            command[0], Array(command.dropFirst()) + ["http://127.0.0.1:\(port)", "50", "10", "2"])
        #expect(status == 0 && output.hasPrefix("0"), "\(client): \(output)")
        #expect(try service.get("/stats").json["last_rps"] as? Double == 2)
        #expect(
            try service.get("/analyze").number("total_processed") == Double(KeepAliveTests.posts))
    }
}
