internal import CLinux

/// A system call that failed, with the call's name and the kernel's reason.
@usableFromInline package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let call: StaticString
    package let code: Int32

    package init(_ call: StaticString, _ code: Int32 = tm_errno()) {
        self.call = call
        self.code = code
    }

    @usableFromInline package var description: String {
        // SAFETY: strerror returns a valid C string; it is copied at once.
        "\(call): \(unsafe String(cString: strerror(code)))"
    }

    @usableFromInline package static func == (left: SystemError, right: SystemError) -> Bool {
        left.code == right.code && left.description == right.description
    }
}
