import Glibc

/// Whether locks lock. Without them the sanitizer must find faults, or it would find none anywhere.
// SAFETY: only whether there is a text is asked.
private let doesLock = unsafe getenv("TIDEMARK_WITHOUT_LOCKS") == nil

/// Stands for the standard library's type of this name in a build for the thread sanitizer, which
/// does not know how that one waits, and calls what it protects a race.
@safe struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    // SAFETY: allocated by `init`, freed by `deinit`, and never handed out.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    init(_ initial: consuming sending Value) {
        // SAFETY: both places are initialised at once; so in `deinit` and `withLock`.
        unsafe lock = .allocate(capacity: 1)
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(lock, nil)
        unsafe value = .allocate(capacity: 1)
        unsafe value.initialize(to: initial)
    }

    deinit {
        // SAFETY: nobody uses them after this.
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
    }

    borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        // SAFETY: the lock is there as long as this value, and gives the value to one thread.
        if doesLock { unsafe pthread_mutex_lock(lock) }
        defer { if doesLock { unsafe pthread_mutex_unlock(lock) } }
        return try unsafe body(&value.pointee)
    }
}
