internal import System
internal import Report

extension Machine {
    /// The machine that this process runs on.
    static func current() -> Machine {
        var machine = Machine()
        machine.processors = availableProcessors()
        machine.kernel = line("/proc/sys/kernel/osrelease", after: "") ?? "unknown"
        machine.model = line("/proc/cpuinfo", after: "model name") ?? "unknown"
        let memory = line("/proc/meminfo", after: "MemTotal") ?? ""
        let kibibytes = Double(memory.split(separator: " ").first ?? "") ?? 0
        machine.memoryGiB = (kibibytes / 1_048_576 * 10).rounded() / 10
        return machine
    }

    /// What stands behind a name and its colon in one of the kernel's files.
    private static func line(_ path: String, after name: String) -> String? {
        guard let bytes = try? Files.read(path) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
        let text = name.isEmpty ? line : line.drop { $0 != ":" }.dropFirst()
        return text.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
}
