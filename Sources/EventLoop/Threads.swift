internal import CLinux

/// A running thread that can be waited for.
package struct ThreadHandle: ~Copyable {
    private let identifier: pthread_t

    /// Starts a thread that runs `body`. The closure is boxed once; nothing of it is on any hot path.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError)
        -> ThreadHandle
    {
        let box = unsafe Unmanaged.passRetained(ThreadBody(body))
        var identifier = pthread_t()
        // SAFETY: the one reference taken here is given back by the thread's entry, or here.
        let code = unsafe pthread_create(&identifier, nil, threadEntry, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError("pthread_create", code)
        }
        return ThreadHandle(identifier: identifier)
    }

    /// Waits until the thread has returned.
    package consuming func join() {
        _ = pthread_join(identifier, nil)
    }
}

/// Processors this process may run on.
package func availableProcessors() -> Int {
    var set = cpu_set_t()
    guard unsafe sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return 1 }
    var count = 0
    unsafe withUnsafeBytes(of: &set) { bytes in
        for index in bytes.indices { count += unsafe bytes[index].nonzeroBitCount }
    }
    return max(1, count)
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A global function, because a closure written inside `@main` would inherit its main actor and
/// stop the process when another thread enters it.
private func threadEntry(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // SAFETY: `start` passed a retained ThreadBody, and this is the only taker.
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
