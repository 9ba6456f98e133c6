internal import Synchronization

/// Counters that one thread writes and any thread reads.
///
/// With a single writer, adding is a relaxed load and a relaxed store instead of a locked
/// instruction. A reader sees valid values, but not all counters at the same instant.
@safe package final class CounterTable: Sendable {
    // SAFETY: the pointer never changes, and the memory behind it holds atomics only.
    nonisolated(unsafe) private let counters: UnsafeMutablePointer<Atomic<Int>>
    package let count: Int

    package init(count: Int) {
        precondition(count > 0, "a table of no counters counts nothing")
        self.count = count
        // SAFETY: freed in deinit only.
        unsafe counters = .allocate(capacity: count)
        for index in 0..<count {
            // SAFETY: index is inside the new allocation, which is not initialised yet.
            unsafe (counters + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        // SAFETY: init has allocated and initialised all of it.
        unsafe counters.deinitialize(count: count)
        unsafe counters.deallocate()
    }

    /// Adds to a counter. Only the writing thread may call this.
    @inline(__always)
    package func add(_ amount: Int, to index: Int) {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was checked above; the atomics live as long as self.
        let value = unsafe counters[index].load(ordering: .relaxed)
        unsafe counters[index].store(value &+ amount, ordering: .relaxed)
    }

    /// Sets a gauge. Only the writing thread may call this.
    package func set(_ value: Int, at index: Int) {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was checked above; the atomics live as long as self.
        unsafe counters[index].store(value, ordering: .relaxed)
    }

    /// The value of a counter, for any thread.
    package subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was checked above; the atomics live as long as self.
        return unsafe counters[index].load(ordering: .relaxed)
    }
}
