/// A table of things that come and go, each at a fixed place in memory.
///
/// Places are handed out again, each time with the next generation; room grows block by block, so
/// nothing moves and growing never stalls the loop for long.
@safe package struct Slab<Element: ~Copyable>: ~Copyable {
    @usableFromInline static var blockShift: Int { 8 }
    @usableFromInline static var blockLength: Int { 1 << blockShift }

    @usableFromInline var blocks: [UnsafeMutablePointer<Element>] = unsafe []
    /// Per place its generation, and whether an element lives there.
    @usableFromInline var places: [Place] = []
    private var free: [Int32] = []
    /// Elements in the table.
    package private(set) var count = 0

    @usableFromInline struct Place {
        @usableFromInline var generation: UInt32 = 0
        @usableFromInline var isTaken = false
    }

    package init() {}

    deinit {
        for index in places.indices where places[index].isTaken {
            // SAFETY: a taken place holds an initialised element.
            unsafe element(index).deinitialize(count: 1)
        }
        for number in unsafe blocks.indices {
            // SAFETY: every block was allocated in `grow`, and its elements are gone.
            unsafe blocks[number].deallocate()
        }
    }

    /// Places ever made; indices are below it.
    package var capacity: Int { places.count }

    @inlinable func element(_ index: Int) -> UnsafeMutablePointer<Element> {
        // SAFETY: the array checks the block; the remainder is below the block's length.
        unsafe blocks[index >> Slab.blockShift] + (index & (Slab.blockLength - 1))
    }

    /// The place and the generation the next `insert` will use; so that an element can be built
    /// already knowing its own token.
    package mutating func reserve() -> (index: Int, generation: UInt32) {
        if free.isEmpty { grow() }
        let index = Int(free[free.count - 1])
        return (index, places[index].generation)
    }

    /// Puts an element into the place that `reserve` named.
    package mutating func insert(_ newElement: consuming Element) {
        guard let last = free.popLast() else {
            preconditionFailure("insert without reserve")
        }
        let index = Int(last)
        // SAFETY: a free place is uninitialised memory inside a block.
        unsafe element(index).initialize(to: newElement)
        places[index].isTaken = true
        count += 1
    }

    /// Takes the element out, nil when there is none; the place is free again with the next
    /// generation.
    package mutating func remove(_ index: Int) -> Element? {
        guard places[index].isTaken else { return nil }
        places[index].isTaken = false
        places[index].generation = (places[index].generation + 1) & 0xFF_FFFF
        free.append(Int32(index))
        count -= 1
        // SAFETY: the place was taken, so its element is initialised; it is moved out once.
        return unsafe element(index).move()
    }

    /// Whether the place holds an element of this generation.
    @inlinable package func holds(_ index: Int, _ generation: UInt32) -> Bool {
        index < places.count && places[index].isTaken && places[index].generation == generation
    }

    /// Whether the place holds an element.
    package func isTaken(_ index: Int) -> Bool { places[index].isTaken }

    /// The element at a place that holds one.
    @inlinable package subscript(index: Int) -> Element {
        _read {
            precondition(places[index].isTaken, "nothing lives there")
            // SAFETY: the place is taken; elements never move while self is borrowed.
            yield unsafe element(index).pointee
        }
        _modify {
            precondition(places[index].isTaken, "nothing lives there")
            // SAFETY: as above, and self is held exclusively.
            yield unsafe &element(index).pointee
        }
    }

    private mutating func grow() {
        let first = places.count
        unsafe blocks.append(UnsafeMutablePointer<Element>.allocate(capacity: Slab.blockLength))
        places.append(contentsOf: repeatElement(Place(), count: Slab.blockLength))
        for offset in (0..<Slab.blockLength).reversed() { free.append(Int32(first + offset)) }
    }
}
