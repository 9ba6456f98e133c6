/// The connections of a worker, each at a fixed address for as long as it lives.
///
/// Cells are used again, each time with the next generation; room grows block by block, so
/// nothing moves and growing never stalls the loop for long.
@safe struct ConnectionTable: ~Copyable {
    private static let blockShift = 8
    private static let blockLength = 1 << blockShift

    // SAFETY: filled by `grow` alone; a block stays allocated as long as the table.
    private var blocks: [UnsafeMutablePointer<Connection>] = unsafe []
    /// Per cell its generation, and whether a connection lives there.
    private var cells: [Cell] = []
    private var free: [Int32] = []
    /// Connections in the table.
    private(set) var count = 0

    private struct Cell {
        var generation: UInt32 = 0
        var isUsed = false
    }

    deinit {
        for index in cells.indices where cells[index].isUsed {
            // SAFETY: a used cell holds an initialised connection.
            unsafe pointer(index).deinitialize(count: 1)
        }
        for number in unsafe blocks.indices {
            // SAFETY: every block was allocated in `grow`, and its connections are gone.
            unsafe blocks[number].deallocate()
        }
    }

    /// Cells ever made; indices are below it.
    var capacity: Int { cells.count }

    private func pointer(_ index: Int) -> UnsafeMutablePointer<Connection> {
        // SAFETY: the array checks the block; the remainder is below the block's length.
        unsafe blocks[index >> ConnectionTable.blockShift]
            + (index & (ConnectionTable.blockLength - 1))
    }

    /// The cell and the generation that the next `insert` uses, so that a connection knows its own
    /// token when it is made.
    mutating func reserve() -> (index: Int, generation: UInt32) {
        if free.isEmpty { grow() }
        let index = Int(free[free.count - 1])
        return (index, cells[index].generation)
    }

    /// Puts a connection into the cell that `reserve` named.
    mutating func insert(_ connection: consuming Connection) {
        guard let last = free.popLast() else {
            preconditionFailure("insert without reserve")
        }
        let index = Int(last)
        // SAFETY: a free cell is uninitialised memory inside a block.
        unsafe pointer(index).initialize(to: connection)
        cells[index].isUsed = true
        count += 1
    }

    /// Takes the connection out, nil when there is none; the cell is free again with the next
    /// generation.
    mutating func remove(_ index: Int) -> Connection? {
        guard cells[index].isUsed else { return nil }
        cells[index].isUsed = false
        cells[index].generation = (cells[index].generation + 1) & 0xFF_FFFF
        free.append(Int32(index))
        count -= 1
        // SAFETY: the cell was used, so its connection is initialised; it is moved out once.
        return unsafe pointer(index).move()
    }

    /// Whether the cell holds a connection of this generation.
    func holds(_ index: Int, _ generation: UInt32) -> Bool {
        index < cells.count && cells[index].isUsed && cells[index].generation == generation
    }

    /// Whether the cell holds a connection.
    func isUsed(_ index: Int) -> Bool { cells[index].isUsed }

    /// The connection in a cell that holds one.
    subscript(index: Int) -> Connection {
        _read {
            precondition(cells[index].isUsed, "nothing lives there")
            // SAFETY: the cell is used; connections never move while self is borrowed.
            yield unsafe pointer(index).pointee
        }
        _modify {
            precondition(cells[index].isUsed, "nothing lives there")
            // SAFETY: as above, and self is held exclusively.
            yield unsafe &pointer(index).pointee
        }
    }

    private mutating func grow() {
        let first = cells.count
        // SAFETY: the memory is the table's own, and freed in `deinit`.
        unsafe blocks.append(
            UnsafeMutablePointer<Connection>.allocate(capacity: ConnectionTable.blockLength))
        cells.append(contentsOf: repeatElement(Cell(), count: ConnectionTable.blockLength))
        for offset in (0..<ConnectionTable.blockLength).reversed() {
            free.append(Int32(first + offset))
        }
    }
}
