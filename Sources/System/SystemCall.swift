internal import CLinux

/// Runs a call again while a signal interrupts it.
///
/// EBADF and EFAULT are our own bugs: going on would read or write somebody else's descriptor or
/// memory, so they stop the process.
@inline(__always)
func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = tm_errno()
        if code == EINTR { continue }
        precondition(code != EBADF && code != EFAULT, "descriptor or memory misused")
        return result
    }
}

/// Like `retrying`, for calls whose failure the caller cannot mend: throws the reason.
@discardableResult
@inline(__always)
func checked(_ name: StaticString, _ call: () -> Int) throws(SystemError) -> Int {
    let result = retrying(call)
    guard result >= 0 else { throw SystemError(name) }
    return result
}
