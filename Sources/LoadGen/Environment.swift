internal import System
internal import Report

/// The machine that a result was measured on.
struct Environment {
    private let processors = availableProcessors()
    private let kernel: String
    private let model: String
    private let memoryGiB: Double

    init() {
        kernel = Environment.line("/proc/sys/kernel/osrelease", after: "") ?? "unknown"
        model = Environment.line("/proc/cpuinfo", after: "model name") ?? "unknown"
        let memory = Environment.line("/proc/meminfo", after: "MemTotal") ?? ""
        let kibibytes = Double(memory.split(separator: " ").first ?? "") ?? 0
        memoryGiB = (kibibytes / 1_048_576 * 10).rounded() / 10
    }

    /// What stands behind a name and its colon in one of the kernel's files.
    private static func line(_ path: String, after name: String) -> String? {
        guard let bytes = try? Files.read(path) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
        let text = name.isEmpty ? line : line.drop { $0 != ":" }.dropFirst()
        return text.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    func add(to object: inout JSONObject) {
        object.add("processors", processors)
        object.add("model", text: model)
        object.add("memory_gib", memoryGiB)
        object.add("kernel", text: kernel)
    }
}
