internal import Synchronization

/// A row of counters that one thread writes and any thread reads.
///
/// With a single writer a count is a load and a store, both relaxed, instead of a locked
/// read-modify-write; the reader sees each counter whole, though not all at one instant.
@safe package final class CounterTable: Sendable {
    // SAFETY: the pointer never changes, and what it points to is atomic.
    nonisolated(unsafe) private let counters: UnsafeMutablePointer<Atomic<Int>>
    package let count: Int

    package init(count: Int) {
        precondition(count > 0, "a table of no counters counts nothing")
        self.count = count
        // SAFETY: this object alone owns the allocation and frees it in deinit.
        unsafe counters = .allocate(capacity: count)
        for index in 0..<count {
            // SAFETY: index is inside the fresh, uninitialised allocation.
            unsafe (counters + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        // SAFETY: allocated and initialised whole in init.
        unsafe counters.deinitialize(count: count)
        unsafe counters.deallocate()
    }

    /// Adds to a counter; only its one writer may.
    @inline(__always)
    package func add(_ amount: Int, to index: Int) {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was just checked; the atomics live as long as self.
        let value = unsafe counters[index].load(ordering: .relaxed)
        unsafe counters[index].store(value &+ amount, ordering: .relaxed)
    }

    /// Sets a gauge; only its one writer may.
    package func set(_ value: Int, at index: Int) {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was checked; every counter was initialised in init.
        unsafe counters[index].store(value, ordering: .relaxed)
    }

    package subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count, "no such counter")
        // SAFETY: index was checked; every counter was initialised in init.
        return unsafe counters[index].load(ordering: .relaxed)
    }
}
