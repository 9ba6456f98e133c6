import Foundation
import Glibc
import TestSupport

/// nginx with the configuration of docker-compose.yml, in front of replicas on this machine;
/// stopped by pid.
final class RunningProxy {
    let port: UInt16
    private let folder: String
    private let process = Process()

    init(over replicas: [UInt16]) throws {
        port = try freePort()
        folder = Programs.temporaryPath("-nginx")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try configure(replicas)
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
        process.arguments = ["-c", folder + "/nginx.conf", "-g", "daemon off;"]
        try process.begin()
        for _ in 0..<500 {
            if let descriptor = try? connectedSocket(port: port) {
                close(descriptor)
                return
            }
            usleep(10_000)
        }
        throw Failure("nginx does not answer on port \(port)")
    }

    deinit {
        if process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Puts the replicas' ports and paths of its own in the place of the deployed ones.
    private func configure(_ replicas: [UInt16]) throws {
        let deployed = try String(
            contentsOfFile: Programs.root + "/compose/nginx.conf", encoding: .utf8)
        var lines: [String] = []
        var isFirst = true
        for line in deployed.components(separatedBy: "\n") {
            guard let range = line.range(of: "server tidemark-") else {
                lines.append(line)
                continue
            }
            guard isFirst else { continue }
            isFirst = false
            let options = line[range.upperBound...].drop { $0 != " " }
            lines += replicas.map { "server 127.0.0.1:\($0)\(options)" }
        }
        guard !isFirst else { throw Failure("compose/nginx.conf names no replicas") }
        let text = lines.joined(separator: "\n")
            .replacingOccurrences(of: "listen 8080;", with: "listen 127.0.0.1:\(port);")
            .replacingOccurrences(of: "/tmp/", with: folder + "/")
            .replacingOccurrences(of: "error_log stderr", with: "error_log \(folder)/error.log")
        try text.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
    }

    /// What it complained of, but for closed ports, which are its business.
    var log: String {
        let text = (try? String(contentsOfFile: folder + "/error.log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { !$0.contains("Connection refused") }
            .suffix(20).joined(separator: "\n")
    }
}
