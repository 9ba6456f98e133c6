internal import Bytes
internal import CSQLite

/// What went wrong with the store's file.
struct FileFault: Error, Sendable, Equatable {
    enum Kind: Sendable {
        /// There is no room on the disk.
        case full
        /// The file was removed, or another one is in its place.
        case gone
        /// A newer build has written it.
        case newerVersion
        /// What everything needs is damaged.
        case damaged
        case other
    }

    let kind: Kind
    let reason: String
}

/// A database in a file. One thread at a time uses it.
@safe final class Database {
    // SAFETY: opened by `init`, closed by `deinit`, and used in between alone.
    fileprivate let handle: OpaquePointer

    /// Opens the file, and makes it where there is none.
    init(path: String) throws(FileFault) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        // SAFETY: the library reads the path, and writes the pointer, during the call.
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let handle = unsafe opened else {
            // SAFETY: the library gives a handle that says what went wrong, or none; it is closed
            // here.
            let fault = unsafe Database.fault(code, opened)
            // SAFETY: as above.
            unsafe sqlite3_close_v2(opened)
            throw fault
        }
        unsafe self.handle = handle
        // From the first question on: who closes a file last locks it for a moment.
        // SAFETY: the handle is open.
        unsafe sqlite3_busy_timeout(handle, 5000)
    }

    // SAFETY: nobody uses the handle after this.
    deinit { unsafe sqlite3_close_v2(handle) }

    /// Executes statements without parameters.
    func run(_ statements: String) throws(FileFault) {
        // SAFETY: the library reads the text during the call.
        let code = unsafe sqlite3_exec(handle, statements, nil, nil, nil)
        guard code == SQLITE_OK else { throw unsafe Database.fault(code, handle) }
    }

    func prepare(_ text: String) throws(FileFault) -> Statement { try Statement(text, self) }

    /// Moves what was written ahead into the file, without waiting for anybody who reads.
    /// - Returns: how many pages are written ahead, moved or not.
    func moveWrittenAhead() throws(FileFault) -> Int {
        let statement = try prepare("PRAGMA wal_checkpoint(PASSIVE)")
        let pages = try statement.next() ? statement.integer(1) : 0
        statement.reset()
        return pages
    }

    /// Sees to it that what was moved is on the disk: else the move that comes to the end waits for
    /// that of all moves before it.
    func sync() {
        var file: UnsafeMutablePointer<sqlite3_file>?
        // SAFETY: the library writes the pointer of its own file, which is open as long as this
        // object; its methods are there as long as the file.
        let code = unsafe sqlite3_file_control(
            handle, "main", SQLITE_FCNTL_FILE_POINTER, &file)
        guard code == SQLITE_OK, let file = unsafe file else { return }
        _ = unsafe file.pointee.pMethods?.pointee.xSync(file, SQLITE_SYNC_NORMAL)
    }

    /// Whether a transaction has begun and not ended.
    // SAFETY: the handle is open as long as this object; so in all that follows.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    fileprivate static func fault(_ code: Int32, _ handle: OpaquePointer?) -> FileFault {
        // SAFETY: the library's text is copied at once; it needs no handle for the general one.
        let text = unsafe String(
            cString: handle == nil ? sqlite3_errstr(code) : sqlite3_errmsg(handle))
        let kind: FileFault.Kind =
            switch code & 0xFF {
            case SQLITE_FULL: .full
            case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged
            default: .other
            }
        let reason = unsafe handle.map { unsafe sqlite3_system_errno($0) } ?? 0
        // ENOSPC and EDQUOT.
        let isFull = code & 0xFF == SQLITE_IOERR && (reason == 28 || reason == 122)
        return FileFault(kind: isFull ? .full : kind, reason: text)
    }
}

/// A statement that is prepared once and executed often.
@safe final class Statement {
    private let database: Database
    // SAFETY: prepared by `init`, given back by `deinit`, before the database it belongs to.
    private let handle: OpaquePointer

    fileprivate init(_ text: String, _ database: Database) throws(FileFault) {
        self.database = database
        var prepared: OpaquePointer?
        // SAFETY: the library reads the text, and writes the pointer, during the call.
        let code = unsafe sqlite3_prepare_v3(
            database.handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let handle = unsafe prepared else {
            throw unsafe Database.fault(code, database.handle)
        }
        unsafe self.handle = handle
    }

    // SAFETY: the statement is there as long as this object.
    deinit { unsafe sqlite3_finalize(handle) }

    /// Binds the parameter of this number, from 1 on.
    func bind(_ number: Int32, _ value: Int) {
        // SAFETY: the statement is there as long as this object.
        unsafe sqlite3_bind_int64(handle, number, Int64(value))
    }

    func bind(_ number: Int32, _ text: String) { bind(number, Array(text.utf8)) }

    func bind(_ number: Int32, _ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            // SAFETY: the statement is there as long as this object.
            unsafe sqlite3_bind_zeroblob(handle, number, 0)
            return
        }
        // SAFETY: the library copies the bytes during the call.
        unsafe bytes.withUnsafeBytes { start in
            _ = unsafe tm_bind_copy(handle, number, start.baseAddress, Int32(start.count))
        }
    }

    /// Goes on to the next row.
    /// - Returns: false when there is none; the statement can be executed anew then.
    func next() throws(FileFault) -> Bool {
        // SAFETY: the statement is there as long as this object.
        let code = unsafe sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            reset()
            return false
        default:
            // SAFETY: the statement is there as long as this object.
            let fault = unsafe Database.fault(code, database.handle)
            reset()
            throw fault
        }
    }

    /// Executes a statement that has no rows.
    func run() throws(FileFault) { while try next() {} }

    /// Forgets the rows that were not read.
    // SAFETY: the statement is there as long as this object.
    func reset() { unsafe sqlite3_reset(handle) }

    // MARK: Columns of the row, from 0 on

    // SAFETY: the statement is there as long as this object.
    func integer(_ column: Int32) -> Int { Int(unsafe sqlite3_column_int64(handle, column)) }

    func bytes(_ column: Int32) -> [UInt8] {
        // SAFETY: the statement is there as long as this object.
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        // SAFETY: the statement is there as long as this object.
        guard count > 0, let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
        // SAFETY: the library says how many bytes there are; they are copied at once.
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

extension Statement {
    /// Executes a statement whose parameters 8 and 9 are a check sum and its bytes.
    func run(with bytes: [UInt8]) throws(FileFault) {
        bind(8, Int(CRC32C.of(bytes.span)))
        bind(9, bytes)
        try run()
    }

    /// The bytes of the column after this one, whose check sum stands in this one; nil when they
    /// have changed by themselves.
    func checked(_ column: Int32) -> [UInt8]? {
        let bytes = bytes(column + 1)
        return integer(column) == Int(CRC32C.of(bytes.span)) ? bytes : nil
    }
}
