internal import CLinux

/// Threads that do the same with different things, and can be waited for together.
@safe package struct ThreadGroup: ~Copyable {
    private var identifiers: [pthread_t] = []

    /// Starts a thread for each of the things.
    package init<Thing: Sendable>(_ things: [Thing], _ body: @escaping @Sendable (Thing) -> Void)
        throws(SystemError)
    {
        for thing in things {
            // SAFETY: the one reference taken here is given back by the thread's entry, or below.
            let box = unsafe Unmanaged.passRetained(ThreadBody { body(thing) })
            var identifier = pthread_t()
            let code = unsafe pthread_create(&identifier, nil, threadEntry, box.toOpaque())
            guard code == 0 else {
                unsafe box.release()
                throw SystemError("pthread_create", code)
            }
            identifiers.append(identifier)
        }
    }

    /// Waits until all have returned.
    package consuming func join() {
        for identifier in identifiers { _ = pthread_join(identifier, nil) }
    }
}

/// A thread that nobody waits for.
package enum DetachedThread {
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        // SAFETY: as in ThreadGroup.
        let box = unsafe Unmanaged.passRetained(ThreadBody(body))
        var identifier = pthread_t()
        let code = unsafe pthread_create(&identifier, nil, threadEntry, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError("pthread_create", code)
        }
        pthread_detach(identifier)
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A global function, because a closure written inside `@main` would inherit its main actor and
/// stop the process when another thread enters it.
private func threadEntry(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // SAFETY: `start` passed a retained ThreadBody, and only this call releases it.
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// Lets this thread's timed waits end when they are over: the kernel is else free to end them up to
/// 50 µs late, to spare wake-ups.
package func wakeThreadPrecisely() {
    _ = tm_set_timer_slack(1)
}
