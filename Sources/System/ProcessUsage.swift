internal import CLinux

/// What the kernel says of this process.
package struct ProcessUsage {
    package var residentBytes = 0
    package var threads = 0
    package var openDescriptors = 0
    package var descriptorLimit = 0

    package static func read() -> ProcessUsage {
        var usage = ProcessUsage()
        let status =
            (try? Files.read("/proc/self/status")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in status.split(separator: "\n") {
            let words = line.split { $0 == ":" || $0 == "\t" || $0 == " " }
            guard words.count >= 2, let value = Int(words[1]) else { continue }
            if words[0] == "VmRSS" { usage.residentBytes = value * 1024 }
            if words[0] == "Threads" { usage.threads = value }
        }
        usage.openDescriptors = entries(of: "/proc/self/fd")
        usage.descriptorLimit = descriptorLimits().soft
        return usage
    }

    /// Raises the soft limit of open descriptors to the hard one; without effect where forbidden.
    /// - Returns: the limit that counts.
    package static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        // SAFETY: the call fills the structure.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return .max
        }
        limit.rlim_cur = limit.rlim_max
        // SAFETY: the call reads the structure.
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return descriptorLimits().soft
    }

    private static func descriptorLimits() -> (soft: Int, hard: Int) {
        var limit = rlimit()
        // SAFETY: the call fills the structure.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return (0, 0)
        }
        return (Int(clamping: limit.rlim_cur), Int(clamping: limit.rlim_max))
    }

    private static func entries(of path: String) -> Int {
        // SAFETY: the call reads the path, which Swift passes as a C string.
        guard let directory = unsafe opendir(path) else { return 0 }
        // SAFETY: opendir succeeded; the directory is closed once, below.
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // ".", ".." and the directory's own descriptor are not the process's.
        return max(0, count - 3)
    }
}
