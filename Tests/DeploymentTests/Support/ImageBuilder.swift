import Foundation
import TestSupport

/// buildah with a store of the test's own, thrown away with it.
///
/// The toolchain's image is this machine's own: an empty root into which its folders are mounted,
/// so that every step of the Dockerfile runs as written, without a registry.
final class ImageBuilder {
    private let folder = Programs.temporaryPath("-images")
    private static let toolchainImage = "localhost/toolchain"

    init() throws {
        for name in [
            "root/usr", "root/etc/alternatives", "root/etc/ssl", "root/var/lib/dpkg", "root/tmp",
        ] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        try """
        [storage]
        driver = "vfs"
        graphroot = "\(folder)/store"
        runroot = "\(folder)/run"
        """.write(toFile: folder + "/storage.conf", atomically: true, encoding: .utf8)
        try makeToolchainImage()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private var environment: [String] {
        [
            "CONTAINERS_STORAGE_CONF=\(folder)/storage.conf", "BUILDAH_ISOLATION=chroot",
            "TMPDIR=\(folder)",
        ]
    }

    /// Runs buildah, and wants it to succeed.
    @discardableResult
    func buildah(_ arguments: String...) throws -> String {
        let run = try Programs.run("env", environment + ["buildah"] + arguments)
        guard run.status == 0 else {
            throw Failure("buildah \(arguments.joined(separator: " ")): \(run.output)")
        }
        return run.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A program in a container, started and not waited for.
    func start(_ command: String, in container: String, with settings: [String: String]) throws
        -> Process
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let variables = settings.flatMap { ["--env", "\($0.key)=\($0.value)"] }
        process.arguments =
            environment + ["buildah", "run"] + variables + [container, "--", command]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.begin()
        return process
    }

    /// Builds both images as `make image` does, in the Dockerfile's every step.
    func build() throws {
        let toolchain = Programs.toolchain
        let mounts = ["/usr", "/etc/alternatives", "/etc/ssl", "/var/lib/dpkg", toolchain]
            .map { "--volume \($0):\($0):ro" }.joined(separator: " ")
        let run = try Programs.run(
            "env",
            environment + [
                "BUILDER=buildah", "TAG=test", "SWIFT_IMAGE=\(Self.toolchainImage)",
                "BUILD_FLAGS=\(mounts)", "\(Programs.root)/scripts/image",
            ])
        guard run.status == 0 else { throw Failure("scripts/image: \(run.output)") }
    }

    private func makeToolchainImage() throws {
        // Since /usr was merged these are links into it, and belong to the root.
        for name in ["bin", "sbin", "lib", "lib64"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/root/\(name)", withDestinationPath: "usr/\(name)")
        }
        let container = try buildah("from", "scratch")
        try buildah("copy", "--quiet", container, folder + "/root", "/")
        try buildah(
            "config", "--env", "PATH=\(Programs.toolchain)/usr/bin:/usr/bin:/bin",
            "--env", "HOME=/tmp", container)
        try buildah("commit", "--quiet", container, Self.toolchainImage)
        try buildah("rm", container)
    }

    /// What an image says of itself.
    func configuration(_ image: String) throws -> [String: Any] {
        let text = try buildah("inspect", "--type", "image", image)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let docker = object?["Docker"] as? [String: Any]
        guard let config = docker?["config"] as? [String: Any] else {
            throw Failure("no configuration of \(image): \(text)")
        }
        return config
    }
}

extension Programs {
    /// Where the toolchain is that builds and tests this.
    static let toolchain: String = {
        let found = try? run("sh", ["-c", "readlink -f \"$(command -v swift)\""]).output
        let path = (found ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        // …/usr/bin/swift-driver
        return path.components(separatedBy: "/").dropLast(3).joined(separator: "/")
    }()
}
