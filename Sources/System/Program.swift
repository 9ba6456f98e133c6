internal import CLinux

/// A variable of the environment; nil when it isn't set.
package func environmentVariable(_ name: String) -> String? {
    // SAFETY: the call reads the name, which Swift passes as a C string.
    guard let value = unsafe getenv(name) else { return nil }
    // SAFETY: the call returned a C string; it is copied at once.
    return unsafe String(cString: value)
}

/// Ends the process with a status, without running anything else.
package func exitProcess(_ status: Int32) -> Never {
    exit(status)
}
