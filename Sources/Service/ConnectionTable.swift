/// The connections of a worker, each at a fixed place in memory for as long as it lives.
///
/// Places are handed out again, each time with the next generation; room grows block by block, so
/// nothing moves and growing never stalls the loop for long.
@safe struct ConnectionTable: ~Copyable {
    private static let blockShift = 8
    private static let blockLength = 1 << blockShift

    private var blocks: [UnsafeMutablePointer<Connection>] = unsafe []
    /// Per place its generation, and whether a connection lives there.
    private var places: [Place] = []
    private var free: [Int32] = []
    /// Connections in the table.
    private(set) var count = 0

    private struct Place {
        var generation: UInt32 = 0
        var isTaken = false
    }

    deinit {
        for index in places.indices where places[index].isTaken {
            // SAFETY: a taken place holds an initialised connection.
            unsafe place(index).deinitialize(count: 1)
        }
        for number in unsafe blocks.indices {
            // SAFETY: every block was allocated in `grow`, and its connections are gone.
            unsafe blocks[number].deallocate()
        }
    }

    /// Places ever made; indices are below it.
    var capacity: Int { places.count }

    private func place(_ index: Int) -> UnsafeMutablePointer<Connection> {
        // SAFETY: the array checks the block; the remainder is below the block's length.
        unsafe blocks[index >> ConnectionTable.blockShift]
            + (index & (ConnectionTable.blockLength - 1))
    }

    /// The place and the generation the next `insert` will use; so that a connection can be made
    /// already knowing its own token.
    mutating func reserve() -> (index: Int, generation: UInt32) {
        if free.isEmpty { grow() }
        let index = Int(free[free.count - 1])
        return (index, places[index].generation)
    }

    /// Puts a connection into the place that `reserve` named.
    mutating func insert(_ connection: consuming Connection) {
        guard let last = free.popLast() else {
            preconditionFailure("insert without reserve")
        }
        let index = Int(last)
        // SAFETY: a free place is uninitialised memory inside a block.
        unsafe place(index).initialize(to: connection)
        places[index].isTaken = true
        count += 1
    }

    /// Takes the connection out, nil when there is none; the place is free again with the next
    /// generation.
    mutating func remove(_ index: Int) -> Connection? {
        guard places[index].isTaken else { return nil }
        places[index].isTaken = false
        places[index].generation = (places[index].generation + 1) & 0xFF_FFFF
        free.append(Int32(index))
        count -= 1
        // SAFETY: the place was taken, so its connection is initialised; it is moved out once.
        return unsafe place(index).move()
    }

    /// Whether the place holds a connection of this generation.
    func holds(_ index: Int, _ generation: UInt32) -> Bool {
        index < places.count && places[index].isTaken && places[index].generation == generation
    }

    /// Whether the place holds a connection.
    func isTaken(_ index: Int) -> Bool { places[index].isTaken }

    /// The connection at a place that holds one.
    subscript(index: Int) -> Connection {
        _read {
            precondition(places[index].isTaken, "nothing lives there")
            // SAFETY: the place is taken; connections never move while self is borrowed.
            yield unsafe place(index).pointee
        }
        _modify {
            precondition(places[index].isTaken, "nothing lives there")
            // SAFETY: as above, and self is held exclusively.
            yield unsafe &place(index).pointee
        }
    }

    private mutating func grow() {
        let first = places.count
        unsafe blocks.append(
            UnsafeMutablePointer<Connection>.allocate(capacity: ConnectionTable.blockLength))
        places.append(contentsOf: repeatElement(Place(), count: ConnectionTable.blockLength))
        for offset in (0..<ConnectionTable.blockLength).reversed() {
            free.append(Int32(first + offset))
        }
    }
}
