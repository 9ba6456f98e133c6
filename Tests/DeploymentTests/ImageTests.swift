import Foundation
import Glibc
import TestSupport
import Testing

/// The images of the Dockerfile, built and started as they are.
@Suite(.serialized) struct ImageTests {
    private static let sizeLimitBytes = 20_000_000
    private static let nobody: UInt32 = 65_532

    @Test("both images are one static program each, small, nobody's root, and they work")
    func buildsAndServes() throws {
        let builder = try ImageBuilder()
        try builder.build()
        try checkContent(builder, "tidemark")
        try checkContent(builder, "loadgen", image: "tidemark-loadgen")
        let config = try builder.configuration("tidemark:test")
        let check = config["Healthcheck"] as? [String: Any]
        #expect(check?["Test"] as? [String] == ["CMD", "/tidemark", "check"])
        #expect(config["StopSignal"] as? String == "SIGTERM")
        try serve(builder)
    }

    private func checkContent(
        _ builder: ImageBuilder, _ program: String, image name: String? = nil
    ) throws {
        let image = "\(name ?? program):test"
        let config = try builder.configuration(image)
        #expect(config["User"] as? String == "\(Self.nobody):\(Self.nobody)")
        #expect(config["Entrypoint"] as? [String] == ["/\(program)"])
        let container = try builder.buildah("from", image)
        let root = try builder.buildah("mount", container)
        let files = try FileManager.default.subpathsOfDirectory(atPath: root)
        #expect(files == [program], "nothing but the program belongs into \(image)")
        let path = root + "/" + program
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let bytes = (attributes[.size] as? NSNumber)?.intValue ?? .max
        #expect(bytes <= Self.sizeLimitBytes && bytes > 1_000_000)
        let libraries = try Programs.run("ldd", [path])
        #expect(libraries.output.contains("not a dynamic executable"))
        try builder.buildah("umount", container)
        try builder.buildah("rm", container)
    }

    private func serve(_ builder: ImageBuilder) throws {
        let container = try builder.buildah("from", "tidemark:test")
        let port = try freePort()
        let settings = ["PORT": "\(port)", "LOG_FORMAT": "text"]
        let process = try builder.start(container, settings, "/tidemark")
        let service = try pid(listening: port, below: process)
        defer {
            kill(service, SIGTERM)
            process.waitUntilExit()
        }
        let health = try RawClient(port: port)
        try health.write("GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
        #expect(try health.response().body == #"{"status":"healthy"}"#)
        try health.write(RunningService.post("/ingest", #"{"cpu":12,"rps":120}"#))
        #expect(try health.response().status == 202)
        // Real, effective, saved and file system's: none of them is root's.
        let status = try String(contentsOfFile: "/proc/\(service)/status", encoding: .utf8)
        let nobody = Array(repeating: "\(Self.nobody)", count: 4).joined(separator: "\t")
        #expect(status.contains("\nUid:\t\(nobody)\n"))
        #expect(status.contains("\nGid:\t\(nobody)\n"))
        #expect(status.contains("\nCapEff:\t0000000000000000\n"))
        // Its health check, inside; and one that asks where nobody serves.
        try builder.buildah("run", "--env", "PORT=\(port)", container, "--", "/tidemark", "check")
        let wrong = try freePort()
        #expect(throws: Failure.self) {
            try builder.buildah(
                "run", "--env", "PORT=\(wrong)", container, "--", "/tidemark", "check")
        }
        try load(builder, port)
    }

    /// The load generator's image against the service's.
    private func load(_ builder: ImageBuilder, _ port: UInt16) throws {
        let container = try builder.buildah("from", "tidemark-loadgen:test")
        let output = try builder.buildah(
            "run", container, "--", "/loadgen", "run", "--target", "http://localhost:\(port)",
            "--rate", "200", "--duration", "1s", "--allow-late", "--slo", "errors <= 0%",
            "--json", "-")
        #expect(output.contains("{\"kind\":\"run\",") && output.contains("held        errors"))
    }

    /// The process that serves, which buildah's own stand above.
    private func pid(listening port: UInt16, below process: Process) throws -> pid_t {
        for _ in 0..<500 {
            if let descriptor = try? connectedSocket(port: port) {
                close(descriptor)
                return try lastDescendant(of: process.processIdentifier)
            }
            usleep(20_000)
        }
        process.terminate()
        throw Failure("the image does not serve on port \(port)")
    }

    private func lastDescendant(of pid: pid_t) throws -> pid_t {
        var last = pid
        while true {
            let path = "/proc/\(last)/task/\(last)/children"
            let children = try String(contentsOfFile: path, encoding: .utf8)
                .split(separator: " ").compactMap { pid_t($0) }
            guard let child = children.first else { return last }
            last = child
        }
    }
}
