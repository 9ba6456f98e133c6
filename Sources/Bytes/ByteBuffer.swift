/// A bounded queue of bytes. Bytes are appended at the end and consumed from the front.
///
/// The memory grows by doubling, up to `limit`, and shrinks only in `releaseMemory`. A new buffer
/// owns no memory, so ten thousand idle connections need memory only for their structs.
///
/// This type owns raw memory. Callers see its bytes as a `Span`.
@safe public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>?
    @usableFromInline var capacityBytes: Int
    @usableFromInline var start: Int
    @usableFromInline var end: Int

    /// The largest number of unread bytes.
    public let limit: Int

    public init(limit: Int) {
        precondition(limit > 0, "a buffer needs room for at least one byte")
        // SAFETY: nil, so nothing is read through it before `grow` allocates.
        unsafe base = nil
        capacityBytes = 0
        start = 0
        end = 0
        self.limit = limit
    }

    deinit {
        // SAFETY: `base` is nil, or `grow` allocated it. It is freed only here, in `grow`, which
        // replaces it, and in `releaseMemory`, which sets it to nil.
        unsafe base?.deallocate()
    }

    /// Number of unread bytes.
    @inlinable public var count: Int { end - start }
    @inlinable public var isEmpty: Bool { end == start }
    /// Bytes of memory that the buffer owns.
    @inlinable public var capacity: Int { capacityBytes }

    /// The unread bytes.
    @inlinable public var readable: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            // SAFETY: start..<end lies inside the allocation and is initialised, because `end`
            // moves only over bytes just written and `consume` checks `start`. The span cannot
            // outlive the borrow of self.
            let bytes = unsafe UnsafeBufferPointer(
                start: base.map { unsafe UnsafePointer($0 + start) }, count: end - start)
            let span = unsafe Span(_unsafeElements: bytes)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Removes the first `byteCount` unread bytes.
    @inlinable public mutating func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= end - start, "consumed more than was there")
        start += byteCount
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Removes the first unread bytes: with their memory, where they are all and many.
    public mutating func takeFirst(_ byteCount: Int) -> ByteBuffer {
        var taken = ByteBuffer(limit: limit)
        if byteCount == count, byteCount >= 64 * 1024 {
            swap(&taken, &self)
        } else {
            taken.append(readable.extracting(0..<byteCount))
            consume(byteCount)
        }
        return taken
    }

    /// Removes bytes from the end, so that `byteCount` unread bytes are left.
    public mutating func truncate(to byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "cannot truncate to more than is there")
        end = start + byteCount
    }

    /// Removes all unread bytes; keeps the memory.
    @inlinable public mutating func removeAll() {
        start = 0
        end = 0
    }

    /// Removes all bytes and frees the memory; for buffers that are rarely full.
    public mutating func releaseMemory() {
        // SAFETY: as in deinit; nil afterwards, so it is not freed twice.
        unsafe base?.deallocate()
        unsafe base = nil
        capacityBytes = 0
        start = 0
        end = 0
    }

    /// Ensures room for `byteCount` more bytes.
    /// - Returns: false, with nothing changed, if that would exceed `limit`.
    @inlinable public mutating func reserve(_ byteCount: Int) -> Bool {
        if capacityBytes - end >= byteCount { return true }
        return makeRoom(byteCount)
    }

    /// The slow part of `reserve`: moves the unread bytes to the front, or grows.
    @usableFromInline mutating func makeRoom(_ byteCount: Int) -> Bool {
        guard byteCount <= limit - count else { return false }
        let needed = count + byteCount
        // SAFETY: the read of `base` itself touches no memory behind it.
        if needed <= capacityBytes, let memory = unsafe base {
            // SAFETY: both ranges lie inside the one allocation; `update` allows an overlap.
            unsafe memory.update(from: memory + start, count: count)
        } else {
            grow(to: needed)
        }
        end -= start
        start = 0
        return true
    }

    private mutating func grow(to needed: Int) {
        var newCapacity = max(capacityBytes, 64)
        while newCapacity < needed { newCapacity *= 2 }
        newCapacity = max(needed, min(newCapacity, limit))
        let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        // SAFETY: the read of `base` itself touches no memory behind it.
        if let memory = unsafe base {
            // SAFETY: the new block has room for `count` bytes and does not overlap the old one,
            // which nothing refers to afterwards.
            unsafe fresh.initialize(from: memory + start, count: count)
            unsafe memory.deallocate()
        }
        // SAFETY: the old block is freed, and the new one has `newCapacity` bytes.
        unsafe base = fresh
        capacityBytes = newCapacity
    }

    /// Appends one byte; the caller has reserved room.
    @inlinable public mutating func appendReserved(_ byte: UInt8) {
        precondition(end < capacityBytes, "append without reserve")
        // SAFETY: end < capacityBytes, so `base` is not nil and the byte is inside the allocation.
        unsafe base.unsafelyUnwrapped[end] = byte
        end += 1
    }

    /// Appends an unsigned integer in decimal; the caller has reserved room for its digits.
    mutating func appendReservedDigits(_ value: UInt) {
        let width = decimalWidth(UInt64(value))
        precondition(end + width <= capacityBytes, "append without reserve")
        var rest = value
        var position = end &+ width
        // Two digits per step, because the divisions take most of the time.
        while rest >= 10 {
            let pair = rest % 100
            rest /= 100
            position &-= 2
            // SAFETY: position goes from end + width down to end, inside the allocation.
            unsafe base.unsafelyUnwrapped[position] = decimalDigit(pair / 10)
            unsafe base.unsafelyUnwrapped[position &+ 1] = decimalDigit(pair % 10)
        }
        // SAFETY: as above. If the number of digits is odd, the first one is left.
        if position > end { unsafe base.unsafelyUnwrapped[end] = decimalDigit(rest) }
        end += width
    }

    /// Appends one byte. As all `append` functions, it returns false and writes nothing if the
    /// limit would be exceeded.
    @discardableResult
    @inlinable public mutating func append(_ byte: UInt8) -> Bool {
        guard reserve(1) else { return false }
        appendReserved(byte)
        return true
    }

    /// Appends eight bytes, the least significant first.
    @discardableResult
    @inlinable @inline(__always) public mutating func append(littleEndian word: UInt64) -> Bool {
        guard reserve(8) else { return false }
        // SAFETY: `reserve` made room for eight bytes at `end`; a store of bytes needs no
        // alignment.
        unsafe UnsafeMutableRawPointer(base.unsafelyUnwrapped + end).storeBytes(
            of: word.littleEndian, as: UInt64.self)
        end += 8
        return true
    }

    /// Appends a literal.
    @discardableResult
    @inlinable @inline(__always) public mutating func append(_ text: StaticString) -> Bool {
        let byteCount = text.utf8CodeUnitCount
        guard reserve(byteCount) else { return false }
        // SAFETY: `reserve` made room for `byteCount` bytes; a static string has as many.
        unsafe (base.unsafelyUnwrapped + end).update(from: text.utf8Start, count: byteCount)
        end += byteCount
        return true
    }

    /// Appends bytes.
    @discardableResult
    @inlinable public mutating func append(_ bytes: Span<UInt8>) -> Bool {
        let byteCount = bytes.count
        guard reserve(byteCount) else { return false }
        // SAFETY: the pointer is used only inside the closure.
        unsafe bytes.withUnsafeBufferPointer { source in
            guard byteCount > 0, let first = source.baseAddress else { return }
            // SAFETY: `reserve` made room for `byteCount` bytes. The span cannot point into this
            // buffer, because a mutating function has exclusive access to it.
            unsafe (base.unsafelyUnwrapped + end).update(from: first, count: byteCount)
        }
        end += byteCount
        return true
    }

    /// Appends a string. The label keeps literals on the faster function above; without it they
    /// would become strings first.
    @discardableResult
    public mutating func append(text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            // SAFETY: the UTF-8 bytes are contiguous and valid until the closure returns.
            unsafe append(Span(_unsafeElements: bytes))
        }
    }

    /// Lets `body` write directly into `byteCount` free bytes after the end.
    ///
    /// - Parameter body: gets the free bytes; returns how many it filled, counted from the first.
    /// - Returns: the result of `body`, or nil if the limit leaves no room for `byteCount` bytes.
    @inlinable public mutating func fill<Failure: Error>(
        _ byteCount: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int? {
        guard reserve(byteCount) else { return nil }
        // SAFETY: `reserve` made room for `byteCount` bytes after `end`. `body` must not keep the
        // pointer.
        let space = unsafe UnsafeMutableRawBufferPointer(
            start: base.unsafelyUnwrapped + end, count: byteCount)
        // SAFETY: as above.
        let filled = try unsafe body(space)
        precondition(filled >= 0 && filled <= byteCount, "filled more than was free")
        end += filled
        return filled
    }
}
