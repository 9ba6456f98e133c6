internal import CLinux

/// Processors this process may keep busy: those it may run on, or fewer where a container's limit
/// allows less time than they have.
package func availableProcessors() -> Int {
    // The kernel's set is one bit per processor; 1024 of them are glibc's own size.
    var set = [UInt64](repeating: 0, count: 16)
    // SAFETY: the kernel writes at most the given number of bytes into the array.
    guard unsafe sched_getaffinity(0, set.count * 8, &set) == 0 else { return 1 }
    let allowed = set.reduce(0) { $0 + $1.nonzeroBitCount }
    return max(1, min(allowed, ProcessorLimit.read() ?? allowed))
}

/// How many processors' time a control group allows.
///
/// A group that has used up its time stands still until the period (100 ms) is over: more loops
/// than that are no faster, and their last requests wait longest.
package enum ProcessorLimit {
    private static let groups = "/sys/fs/cgroup/"

    /// The limit of this process' group, in whole processors; nil without one. A container sees its
    /// own group as the root of the tree.
    static func read() -> Int? {
        if let text = text("cpu.max") { return limit(unified: text) }
        guard let quota = text("cpu/cpu.cfs_quota_us"), let period = text("cpu/cpu.cfs_period_us")
        else { return nil }
        return limit(quota: quota, period: period)
    }

    /// `cpu.max` of the unified hierarchy (version 2): a quota or `max`, and the period, in µs.
    package static func limit(unified text: String) -> Int? {
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 2 else { return nil }
        return limit(quota: String(words[0]), period: String(words[1]))
    }

    /// A quota and its period, in µs; a quota of -1 or `max` is none.
    package static func limit(quota: String, period: String) -> Int? {
        guard let quota = Int(quota.prefix { !$0.isWhitespace }), quota > 0,
            let period = Int(period.prefix { !$0.isWhitespace }), period > 0
        else { return nil }
        // Part of a processor is a loop too: two loops at three quarters are busier than one.
        return (quota - 1) / period + 1
    }

    private static func text(_ name: String) -> String? {
        (try? Files.read(groups + name)).map { String(decoding: $0, as: UTF8.self) }
    }
}
