internal import CLinux

/// A thread waits for it until another rings it. Rings that nobody waited for count as one.
package struct Bell: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    package init() throws(SystemError) {
        let number = try checked("eventfd") { Int(eventfd(0, Int32(EFD_CLOEXEC))) }
        descriptor = FileDescriptor(owning: Int32(number))
    }

    package borrowing func ring() {
        var one: UInt64 = 1
        // SAFETY: the kernel reads the eight bytes of the value.
        _ = unsafe write(descriptor.number, &one, MemoryLayout<UInt64>.size)
    }

    package borrowing func wait() {
        var count: UInt64 = 0
        // SAFETY: the kernel writes the eight bytes of the value.
        _ = retrying { unsafe read(descriptor.number, &count, MemoryLayout<UInt64>.size) }
    }
}
