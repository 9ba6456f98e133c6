/// A bounded queue of bytes: written at the end, read from the front.
///
/// It grows by doubling up to `limit` and never shrinks by itself. An empty buffer owns no memory,
/// so ten thousand idle connections cost nothing but their structs.
///
/// This is the one type of this room that touches raw memory; everything else sees `Span`.
@safe public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>?
    @usableFromInline var capacityBytes: Int
    @usableFromInline var start: Int
    @usableFromInline var end: Int

    /// The most bytes this buffer may ever hold unread.
    public let limit: Int

    public init(limit: Int) {
        precondition(limit > 0, "a buffer needs room for at least one byte")
        unsafe base = nil
        capacityBytes = 0
        start = 0
        end = 0
        self.limit = limit
    }

    deinit {
        // SAFETY: `base` is nil or came from `allocate` in `grow`, and is freed only here and in
        // `releaseMemory`, which sets it to nil.
        unsafe base?.deallocate()
    }

    /// Unread bytes.
    @inlinable public var count: Int { end - start }
    @inlinable public var isEmpty: Bool { end == start }
    /// Bytes of memory held.
    @inlinable public var capacity: Int { capacityBytes }

    /// The unread bytes.
    @inlinable public var readable: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            // SAFETY: start...end lies inside the allocation (`commit` and `consume` check), those
            // bytes are initialised, and the span cannot outlive the borrow of self.
            let bytes = unsafe UnsafeBufferPointer(
                start: base.map { unsafe UnsafePointer($0 + start) }, count: end - start)
            let span = unsafe Span(_unsafeElements: bytes)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Forgets the first `byteCount` unread bytes.
    @inlinable public mutating func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= end - start, "consumed more than was there")
        start += byteCount
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Drops bytes from the end until `byteCount` are left.
    public mutating func truncate(to byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "cannot truncate to more than is there")
        end = start + byteCount
    }

    @inlinable public mutating func removeAll() {
        start = 0
        end = 0
    }

    /// Gives the memory back; for buffers that are rarely full.
    public mutating func releaseMemory() {
        // SAFETY: see deinit.
        unsafe base?.deallocate()
        unsafe base = nil
        capacityBytes = 0
        start = 0
        end = 0
    }

    /// Makes room for `byteCount` more bytes.
    /// - Returns: false, with nothing changed, when that would pass `limit`.
    @inlinable public mutating func reserve(_ byteCount: Int) -> Bool {
        if capacityBytes - end >= byteCount { return true }
        return makeRoom(byteCount)
    }

    @usableFromInline mutating func makeRoom(_ byteCount: Int) -> Bool {
        guard byteCount <= limit - count else { return false }
        let needed = count + byteCount
        if needed <= capacityBytes, let memory = unsafe base {
            // SAFETY: both ranges lie inside the one allocation; `update` handles the overlap.
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
        if let memory = unsafe base {
            // SAFETY: the fresh block is at least `count` long and does not overlap the old one.
            unsafe fresh.initialize(from: memory + start, count: count)
            unsafe memory.deallocate()
        }
        // SAFETY: the old block is gone; the fresh one has this buffer as its only owner.
        unsafe base = fresh
        capacityBytes = newCapacity
    }

    /// Appends one byte; the caller has reserved room.
    @inlinable public mutating func appendReserved(_ byte: UInt8) {
        precondition(end < capacityBytes, "append without reserve")
        // SAFETY: end < capacityBytes, so base is not nil and the place is inside the allocation.
        unsafe base.unsafelyUnwrapped[end] = byte
        end += 1
    }

    /// Appends an unsigned integer in decimal; the caller has reserved room for its digits.
    mutating func appendReservedDigits(_ value: UInt) {
        let width = decimalWidth(UInt64(value))
        precondition(end + width <= capacityBytes, "append without reserve")
        var rest = value
        var place = end &+ width
        // Two digits a step: the divisions are what takes the time.
        while rest >= 10 {
            let pair = rest % 100
            rest /= 100
            place &-= 2
            // SAFETY: place runs from end + width down to end, inside the allocation.
            unsafe base.unsafelyUnwrapped[place] = decimalDigit(pair / 10)
            unsafe base.unsafelyUnwrapped[place &+ 1] = decimalDigit(pair % 10)
        }
        // SAFETY: as above; of an odd number of digits the first is left.
        if place > end { unsafe base.unsafelyUnwrapped[end] = decimalDigit(rest) }
        end += width
    }

    /// - Returns: false, with nothing written, when the limit would be passed.
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
        // SAFETY: reserve made room for eight bytes at `end`.
        unsafe UnsafeMutableRawPointer(base.unsafelyUnwrapped + end).storeBytes(
            of: word.littleEndian, as: UInt64.self)
        end += 8
        return true
    }

    @discardableResult
    @inlinable @inline(__always) public mutating func append(_ text: StaticString) -> Bool {
        let byteCount = text.utf8CodeUnitCount
        guard reserve(byteCount) else { return false }
        // SAFETY: reserve made room for `byteCount`; a static string is valid for as many bytes.
        unsafe (base.unsafelyUnwrapped + end).update(from: text.utf8Start, count: byteCount)
        end += byteCount
        return true
    }

    @discardableResult
    @inlinable public mutating func append(_ bytes: Span<UInt8>) -> Bool {
        let byteCount = bytes.count
        guard reserve(byteCount) else { return false }
        unsafe bytes.withUnsafeBufferPointer { source in
            guard byteCount > 0, let first = source.baseAddress else { return }
            // SAFETY: reserve made room; the span lives in other memory than this buffer, which is
            // borrowed exclusively here.
            unsafe (base.unsafelyUnwrapped + end).update(from: first, count: byteCount)
        }
        end += byteCount
        return true
    }

    /// Named apart from the one for literals, which would otherwise all become strings first.
    @discardableResult
    public mutating func append(text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            // SAFETY: the UTF-8 of a native string is contiguous for the closure's duration.
            unsafe append(Span(_unsafeElements: bytes))
        }
    }

    /// Lets `body` write into the free space, at most `byteCount` bytes of it.
    ///
    /// `body` gets the space and returns how many bytes it filled, from its first.
    /// - Returns: what `body` returned, or nil when the limit leaves no room for `byteCount`.
    @inlinable public mutating func fill<Failure: Error>(
        _ byteCount: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int? {
        guard reserve(byteCount) else { return nil }
        // SAFETY: reserve made room for `byteCount` bytes after `end`.
        let space = unsafe UnsafeMutableRawBufferPointer(
            start: base.unsafelyUnwrapped + end, count: byteCount)
        let filled = try unsafe body(space)
        precondition(filled >= 0 && filled <= byteCount, "filled more than was free")
        end += filled
        return filled
    }
}
