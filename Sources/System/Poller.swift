package import Bytes
internal import CLinux

/// What a descriptor is watched for.
package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Built from its parts without the option set's own literal, which is a generic call.
    package init(reads: Bool, writes: Bool) {
        rawValue = (reads ? EPOLLIN.rawValue : 0) | (writes ? EPOLLOUT.rawValue : 0)
    }

    package var reads: Bool { rawValue & EPOLLIN.rawValue != 0 }

    package var writes: Bool { rawValue & EPOLLOUT.rawValue != 0 }

    package static let read = Interest(rawValue: EPOLLIN.rawValue)
    package static let write = Interest(rawValue: EPOLLOUT.rawValue)
}

/// What happened to a descriptor.
@usableFromInline package struct Event {
    package let token: Token
    fileprivate let bits: UInt32

    package var isReadable: Bool { bits & EPOLLIN.rawValue != 0 }
    package var isWritable: Bool { bits & EPOLLOUT.rawValue != 0 }
    /// Both directions are dead, or the socket has an error pending.
    package var isBroken: Bool { bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 }
}

/// Level-triggered epoll: which of the registered descriptors are ready.
///
/// Level-triggered, because one read that did not fill the buffer then needs no second one that
/// only says "nothing more": a request costs one read and one write.
@safe package struct Poller: ~Copyable {
    /// Events fetched by one wait. More only delays the first of them.
    package static let batchLimit = 256

    private let epoll: FileDescriptor
    private let events: UnsafeMutablePointer<epoll_event>
    private var hasNanosecondWait = true

    package init() throws(SystemError) {
        let descriptor = try checked("epoll_create1") {
            Int(epoll_create1(Int32(EPOLL_CLOEXEC)))
        }
        epoll = FileDescriptor(owning: Int32(descriptor))
        // SAFETY: every entry is initialised here, so `event(at:)` may read any of them.
        unsafe events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Poller.batchLimit)
        unsafe events.initialize(repeating: epoll_event(), count: Poller.batchLimit)
    }

    deinit {
        // SAFETY: allocated in init, owned by this value alone; epoll_event needs no deinit.
        unsafe events.deallocate()
    }

    package borrowing func add(_ descriptor: Int32, _ interest: Interest, token: Token)
        throws(SystemError)
    {
        try control(EPOLL_CTL_ADD, on: descriptor, interest, token: token)
    }

    package borrowing func modify(_ descriptor: Int32, _ interest: Interest, token: Token)
        throws(SystemError)
    {
        try control(EPOLL_CTL_MOD, on: descriptor, interest, token: token)
    }

    private borrowing func control(
        _ operation: Int32, on descriptor: Int32, _ interest: Interest, token: Token
    ) throws(SystemError) {
        let epoll = self.epoll.number
        try checked("epoll_ctl") {
            Int(tm_epoll_control(epoll, operation, descriptor, interest.rawValue, token.bits))
        }
    }

    /// Waits until something is ready or the timeout is over; nil waits without end.
    /// - Returns: how many events there are to be had from `event(at:)`.
    package mutating func wait(_ timeout: TimeSpan?) throws(SystemError) -> Int {
        guard let timeout else { return try waitMilliseconds(-1) }
        if timeout.nanoseconds <= 0 { return try waitMilliseconds(0) }
        guard hasNanosecondWait else {
            return try waitMilliseconds(
                Int32(clamping: (timeout.nanoseconds + 999_999) / 1_000_000))
        }
        var limit = timespec(
            tv_sec: Int(timeout.nanoseconds / 1_000_000_000),
            tv_nsec: Int(timeout.nanoseconds % 1_000_000_000))
        // SAFETY: `events` holds batchLimit entries; the kernel fills no more than that.
        let count = unsafe epoll_pwait2(
            epoll.number, events, Int32(Poller.batchLimit), &limit, nil)
        if count >= 0 { return Int(count) }
        switch tm_errno() {
        case EINTR: return 0
        case ENOSYS:
            hasNanosecondWait = false
            return try wait(timeout)
        default: throw SystemError("epoll_pwait2")
        }
    }

    private mutating func waitMilliseconds(_ timeout: Int32) throws(SystemError) -> Int {
        // SAFETY: as in `wait`.
        let count = unsafe epoll_wait(epoll.number, events, Int32(Poller.batchLimit), timeout)
        if count >= 0 { return Int(count) }
        if tm_errno() == EINTR { return 0 }
        throw SystemError("epoll_wait")
    }

    /// One of the events of the last wait.
    package borrowing func event(at index: Int) -> Event {
        precondition(index >= 0 && index < Poller.batchLimit)
        // SAFETY: index is inside the allocation, and every entry is initialised.
        return unsafe Event(
            token: Token(bits: tm_event_token(events + index)), bits: events[index].events)
    }
}
