internal import CLinux

/// Wakes a loop from another thread. Many wakes before the loop looks count as one.
package struct WakeUp: ~Copyable {
    package let descriptor: FileDescriptor

    /// Takes over a descriptor that `open` gave.
    package init(owning number: Int32) {
        descriptor = FileDescriptor(owning: number)
    }

    package static func open() throws(SystemError) -> Int32 {
        Int32(try checked("eventfd") { Int(eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))) })
    }

    /// Wakes the loop that watches the descriptor of this number; from any thread.
    package static func signal(_ descriptor: Int32) {
        var one: UInt64 = 1
        // SAFETY: the kernel reads the eight bytes of the value.
        // A full counter means that the loop has been woken already.
        _ = unsafe write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Forgets all wakes so far.
    package borrowing func clear() { WakeUp.clear(descriptor.number) }

    /// The same for a descriptor that lives as long as the process.
    package static func clear(_ descriptor: Int32) {
        var count: UInt64 = 0
        // SAFETY: the kernel writes the eight bytes of the value.
        _ = unsafe read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
