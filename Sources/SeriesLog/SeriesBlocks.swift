/// Memory for series, in blocks that never move. An index names a series until it is removed; then
/// another series may get it.
@safe struct SeriesBlocks<Element: ~Copyable>: ~Copyable {
    private static var shift: Int { 6 }
    private static var length: Int { 1 << shift }

    // SAFETY: only `pointer` reads them, and `deinit` frees them.
    private var blocks: [UnsafeMutablePointer<Element>] = unsafe []
    /// Indices below it have been given out.
    private var count: Int32 = 0
    /// Indices whose series were removed.
    private var free: [Int32] = []

    deinit {
        var isFree = [Bool](repeating: false, count: Int(count))
        for index in free { isFree[Int(index)] = true }
        for index in 0..<count where !isFree[Int(index)] {
            // SAFETY: an index below `count` that is not free holds a series; each is visited once.
            unsafe pointer(index).deinitialize(count: 1)
        }
        for number in unsafe blocks.indices {
            // SAFETY: `insert` allocated every block, and the series in it are gone.
            unsafe blocks[number].deallocate()
        }
    }

    /// The place of an index in its block.
    private func pointer(_ index: Int32) -> UnsafeMutablePointer<Element> {
        // SAFETY: there is a block for every index below `count`: the array's own bounds check
        // would stop another. The low bits stay inside the block.
        unsafe blocks[Int(index) >> SeriesBlocks.shift]
            + (Int(index) & (SeriesBlocks.length - 1))
    }

    /// The series of an index that `insert` gave and that was not removed since.
    subscript(index: Int32) -> Element {
        // SAFETY: by that condition the place is initialised. Whoever reads or changes it borrows
        // this value, or has it alone, so nobody removes the series meanwhile.
        unsafeAddress { unsafe UnsafePointer(pointer(index)) }
        unsafeMutableAddress { unsafe pointer(index) }
    }

    /// Takes a series in.
    /// - Returns: its index.
    mutating func insert(_ element: consuming Element) -> Int32 {
        let index = newIndex()
        // SAFETY: the place is uninitialised: it was never used, or its series was removed.
        unsafe pointer(index).initialize(to: element)
        return index
    }

    private mutating func newIndex() -> Int32 {
        if let index = free.popLast() { return index }
        // SAFETY: a new block is not read before `insert` initialises a place in it.
        if unsafe Int(count) == blocks.count << SeriesBlocks.shift {
            unsafe blocks.append(.allocate(capacity: SeriesBlocks.length))
        }
        count += 1
        return count - 1
    }

    /// Ends a series that is there; its index is free for another.
    mutating func remove(_ index: Int32) {
        // SAFETY: the place is initialised, and as a free one it is not read again.
        unsafe pointer(index).deinitialize(count: 1)
        free.append(index)
    }
}
