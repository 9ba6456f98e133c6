import Foundation
import Glibc
import TestSupport
import Testing

/// The images of the Dockerfile, built and started as they are.
@Suite(.serialized) struct ImageTests {
    private static let sizeLimitBytes = 20_000_000
    private static let nobody: UInt32 = 65_532
    /// The programs of the images.
    private let programs: TemporaryFolder

    init() throws { programs = try TemporaryFolder() }

    @Test("both images are one static program each, small, nobody's root, and they work")
    func buildsAndServes() throws {
        let builder = try ImageBuilder()
        try builder.build()
        try checkContent(builder, "tidemark")
        try checkContent(builder, "loadgen", image: "tidemark-loadgen")
        try checkPackage()
        let config = try builder.configuration("tidemark:test")
        let check = config["Healthcheck"] as? [String: Any]
        #expect(check?["Test"] as? [String] == ["CMD", "/tidemark", "check"])
        #expect(config["StopSignal"] as? String == "SIGTERM")
        try serve(builder)
        try findStore(builder)
    }

    /// The Debian package of the same programs is as Debian wants it, and its unit starts what is
    /// in it.
    private func checkPackage() throws {
        let out = try TemporaryFolder()
        let built = try Programs.run(
            "env", ["PROGRAMS=\(programs.path)", "scripts/deb", out.path])
        #expect(built.status == 0, "\(built.output)")
        let files = try FileManager.default.contentsOfDirectory(atPath: out.path)
        let package = out.path + "/" + (files.first { $0.hasSuffix(".deb") } ?? "")
        let lint = try Programs.run(
            "lintian", ["--allow-root", "--fail-on", "error,warning", package])
        #expect(lint.status == 0, "\(lint.output)")
        let tree = out.path + "/tree"
        #expect(try Programs.run("dpkg-deb", ["-x", package, tree]).status == 0)
        let unit = try String(
            contentsOfFile: tree + "/lib/systemd/system/tidemark.service", encoding: .utf8)
        #expect(unit.contains("ExecStart=/usr/bin/tidemark\n"))
        let help = try Programs.run(tree + "/usr/bin/tidemark", ["--help"])
        #expect(help.status == 0 && help.output.contains("SYNC"))
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
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root)
        let files = try paths.filter {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\($0)")
            return attributes[.type] as? FileAttributeType == .typeRegular
        }
        let presets = try FileManager.default.contentsOfDirectory(atPath: "presets")
        let expected =
            [program, "etc/ssl/certs/ca-certificates.crt"]
            + (program == "loadgen" ? presets.map { "presets/\($0)" } : [])
        #expect(
            files.sorted() == expected.sorted(),
            "the program, certificates and its presets belong into \(image), nothing else")
        let path = root + "/" + program
        try FileManager.default.copyItem(atPath: path, toPath: "\(programs.path)/\(program)")
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
        let process = try builder.start("/tidemark", in: container, with: settings)
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

    /// With nothing beside the program a name is asked of the name server, and asked again when the
    /// store is gone: the other side of a failover.
    private func findStore(_ builder: ImageBuilder) throws {
        let container = try builder.buildah("from", "tidemark:test")
        let found = try NameServer.follow(try builder.buildah("mount", container) + "/tidemark")
        for line in [
            "first: 202", "in the first: 1", "second: 202", "in the second: 1", "ended well",
        ] {
            #expect(found.lines.contains(line), "\(found.log)")
        }
        #expect(!found.lines.contains("the root can be written"))
    }

    /// The load generator's image against the service's.
    private func load(_ builder: ImageBuilder, _ port: UInt16) throws {
        let container = try builder.buildah("from", "tidemark-loadgen:test")
        let output = try builder.buildah(
            "run", container, "--", "/loadgen", "run", "--target", "http://localhost:\(port)",
            "--rate", "200", "--duration", "1s", "--allow-late", "--slo", "errors <= 0%",
            "--json", "-")
        #expect(output.contains("{\"kind\":\"run\",") && output.contains("\"held\":true"))
    }

    /// The process that serves: buildah's own stand above it.
    private func pid(listening port: UInt16, below process: Process) throws -> pid_t {
        for _ in 0..<500 {
            if let descriptor = try? connectedSocket(port: port) {
                close(descriptor)
                let found = descendants(of: process.processIdentifier).first {
                    let name = try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)
                    return name == "tidemark\n"
                }
                return try #require(found, "nobody below buildah is the service")
            }
            usleep(20_000)
        }
        process.terminate()
        throw Failure("the image does not serve on port \(port)")
    }

    private func descendants(of pid: pid_t) -> [pid_t] {
        // A child belongs to the thread that made it.
        let threads =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        let children = threads.flatMap { thread in
            let path = "/proc/\(pid)/task/\(thread)/children"
            return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
                .split(separator: " ").compactMap { pid_t($0) }
        }
        return children + children.flatMap { descendants(of: $0) }
    }
}
