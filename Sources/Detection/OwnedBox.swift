/// A value in memory of its own, for a large part of a small record.
@safe package struct OwnedBox<Value: ~Copyable>: ~Copyable {
    // SAFETY: allocated and initialised by `init`, freed by `deinit`, and never handed out.
    private let pointer: UnsafeMutablePointer<Value>

    package init(_ value: consuming Value) {
        // SAFETY: nobody reads the place before it is initialised, below.
        unsafe pointer = .allocate(capacity: 1)
        // SAFETY: the place was just allocated for one value.
        unsafe pointer.initialize(to: value)
    }

    deinit {
        // SAFETY: the value is there since `init`, and nobody uses it after this.
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }

    package var value: Value {
        // SAFETY: the value is there as long as the box. Whoever reads or changes it borrows the
        // box, or has it alone.
        unsafeAddress { unsafe UnsafePointer(pointer) }
        unsafeMutableAddress { unsafe pointer }
    }
}
