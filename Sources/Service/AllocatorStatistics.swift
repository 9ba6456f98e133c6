internal import CJemalloc

/// The allocator's own figures, in bytes.
struct AllocatorStatistics {
    let allocated: Int
    let active: Int
    let resident: Int
    let mapped: Int

    static func read() -> AllocatorStatistics {
        // jemalloc caches its statistics; advancing the epoch makes them fresh.
        var epoch: UInt64 = 1
        // SAFETY: mallctl reads exactly the given number of bytes of the value.
        _ = unsafe mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size)
        return AllocatorStatistics(
            allocated: value("stats.allocated"), active: value("stats.active"),
            resident: value("stats.resident"), mapped: value("stats.mapped"))
    }

    private static func value(_ name: String) -> Int {
        var value = 0
        var size = MemoryLayout<Int>.size
        // SAFETY: mallctl writes at most `size` bytes into the value.
        return unsafe mallctl(name, &value, &size, nil, 0) == 0 ? value : 0
    }
}
