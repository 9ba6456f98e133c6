internal import Bytes
internal import CHiredis
package import System

/// One connection of libhiredis' asynchronous client, which connects and writes; replies are read
/// with its parser. What happened is only put down; the loop takes it up when the library has
/// returned, so that nothing is ever freed under its feet.
///
/// Used by one thread alone.
@safe package final class RedisConnection {
    package enum Happening {
        case connected
        /// The reply to an append, when nothing but the entry's place was expected.
        case place(EntryID)
        case reply(Reply)
        case closed(String)
    }

    private var context: UnsafeMutablePointer<redisAsyncContext>?
    /// How the library's parser makes an object of a reply: its own way, but for the places of appended
    /// entries, which need none. A pointer, because the parser keeps one.
    private let makers = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    /// Its own way, for all.
    private var libraryMakers: UnsafeMutablePointer<redisReplyObjectFunctions>?
    /// Stands for the reply that has been taken up already, so that the parser has something to give.
    private let takenUp = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
    private var happenings: [Happening] = []
    private var taken = 0
    private var wanted = Interest(reads: false, writes: false)
    private var registered: Interest?
    package private(set) var descriptor: Int32 = -1

    /// Begins to connect to a numeric address.
    package init(host: String, port: UInt16) {
        guard let context = unsafe redisAsyncConnect(host, Int32(port)) else {
            happenings.append(.closed("out of memory"))
            return
        }
        guard unsafe context.pointee.err == 0 else {
            unsafe happenings.append(.closed(RedisConnection.reason(context)))
            unsafe redisAsyncFree(context)
            return
        }
        unsafe self.context = context
        descriptor = unsafe context.pointee.c.fd
        // SAFETY: the library gives this pointer back only until `cleanup`, which `deinit` forces
        // while this object still is there.
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe context.pointee.data = this
        unsafe context.pointee.ev.data = this
        unsafe context.pointee.ev.addRead = addRead
        unsafe context.pointee.ev.delRead = removeRead
        unsafe context.pointee.ev.addWrite = addWrite
        unsafe context.pointee.ev.delWrite = removeWrite
        unsafe context.pointee.ev.cleanup = cleanUp
        _ = unsafe redisAsyncSetConnectCallback(context, onConnect)
        unsafe takeUpPlaces(context, this)
        // The library says that the socket is connected when it is first writable.
        wanted = .write
    }

    /// Puts this object between the library's parser and the objects it makes.
    private func takeUpPlaces(
        _ context: UnsafeMutablePointer<redisAsyncContext>, _ this: UnsafeMutableRawPointer
    ) {
        // SAFETY: a context has a parser with functions; it is freed before what it gets here.
        let parser = unsafe context.pointee.c.reader.unsafelyUnwrapped
        unsafe libraryMakers = parser.pointee.fn
        unsafe makers.initialize(to: parser.pointee.fn.pointee)
        unsafe makers.pointee.createString = makeText
        unsafe takenUp.initialize(to: redisReply())
        unsafe parser.pointee.fn = makers
        unsafe parser.pointee.privdata = this
    }

    deinit {
        close()
        // SAFETY: the parser went with the context; what is in here needs no deinit.
        unsafe makers.deallocate()
        unsafe takenUp.deallocate()
    }

    package var isOpen: Bool { unsafe context != nil }

    /// Closes at once; commands that have no reply get none.
    package func close() {
        guard let context = unsafe context else { return }
        // SAFETY: the context is live; `cleanup` clears the property during this call.
        unsafe redisAsyncFree(context)
        unsafe self.context = nil
    }

    // MARK: Commands

    /// Hands a pipeline to the library; it is written by the next `write`.
    package func send(_ commands: borrowing CommandBuffer) {
        guard let context = unsafe context, !commands.isEmpty else { return }
        let bytes = commands.bytes.readable
        let isTaken = unsafe bytes.withUnsafeBufferPointer { buffer in
            // SAFETY: the commands lie in the buffer; the library copies them during the call.
            let text = unsafe UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped)
            return unsafe redisAppendFormattedCommand(
                &context.pointee.c, text.assumingMemoryBound(to: CChar.self), buffer.count)
                == REDIS_OK
        }
        if !isTaken { close() }
    }

    /// Writes what the socket takes.
    package func write() {
        guard let context = unsafe context else { return }
        // SAFETY: the context is live; should the call free it, `cleanup` clears the property.
        unsafe redisAsyncHandleWrite(context)
    }

    /// Lets the library act on what the poller saw.
    package func handle(_ event: Event) {
        if event.isWritable, let context = unsafe context {
            // SAFETY: as in `write`.
            unsafe redisAsyncHandleWrite(context)
        }
        if event.isReadable || event.isBroken { read() }
    }

    /// Takes in what has come. The library's own reading aborts the process when a server says
    /// more than it was asked; here that is a reply like any other, and the machine knows what it
    /// awaits.
    private func read() {
        // SAFETY: as in `write`. The first call settles whether the socket is connected at all.
        if let context = unsafe context, unsafe context.pointee.c.flags & REDIS_CONNECTED == 0 {
            unsafe redisAsyncHandleWrite(context)
        }
        guard let context = unsafe context, unsafe context.pointee.c.flags & REDIS_CONNECTED != 0
        else { return }
        guard unsafe redisBufferRead(&context.pointee.c) == REDIS_OK else { return close() }
        while true {
            var reply: UnsafeMutableRawPointer?
            guard unsafe redisGetReplyFromReader(&context.pointee.c, &reply) == REDIS_OK
            else { return close() }
            guard let reply = unsafe reply else { return }
            if unsafe reply == UnsafeMutableRawPointer(takenUp) { continue }
            // SAFETY: the reader gives away a whole reply, which is freed once, here.
            let object = unsafe reply.assumingMemoryBound(to: redisReply.self)
            unsafe happenings.append(.reply(Reply(copying: object)))
            unsafe freeReplyObject(reply)
        }
    }

    /// What happened and was not yet taken up, oldest first.
    package func nextHappening() -> Happening? {
        guard taken < happenings.count else {
            happenings.removeAll(keepingCapacity: true)
            taken = 0
            return nil
        }
        taken += 1
        return happenings[taken - 1]
    }

    /// Watches the socket for what the library waits for.
    package func watch(_ poller: borrowing Poller, _ token: Token) throws(SystemError) {
        guard unsafe context != nil, registered != wanted else { return }
        if registered == nil {
            try poller.add(descriptor, wanted, token: token)
        } else {
            try poller.modify(descriptor, wanted, token: token)
        }
        registered = wanted
    }

    // MARK: What the library tells

    fileprivate func want(reads: Bool? = nil, writes: Bool? = nil) {
        wanted = Interest(reads: reads ?? wanted.reads, writes: writes ?? wanted.writes)
    }

    fileprivate func isConnected(_ succeeded: Bool) {
        if succeeded { happenings.append(.connected) }
    }

    /// Makes the object of a text, or takes it up at once.
    fileprivate func make(
        _ task: UnsafePointer<redisReadTask>, _ text: UnsafeMutablePointer<CChar>, _ byteCount: Int
    ) -> UnsafeMutableRawPointer? {
        if unsafe task.pointee.parent == nil, unsafe task.pointee.type == REDIS_REPLY_STRING,
            byteCount <= EntryID.textLimit
        {
            // SAFETY: the parser's text is so many bytes long and lives until this returns.
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self),
                count: byteCount)
            if let id = unsafe EntryID(Span(_unsafeElements: bytes)) {
                happenings.append(.place(id))
                return unsafe UnsafeMutableRawPointer(takenUp)
            }
        }
        return unsafe libraryMakers?.pointee.createString?(task, text, byteCount)
    }

    fileprivate func isGone() {
        if let context = unsafe context {
            unsafe happenings.append(.closed(RedisConnection.reason(context)))
        }
        unsafe context = nil
        registered = nil
    }

    private static func reason(_ context: UnsafeMutablePointer<redisAsyncContext>) -> String {
        guard unsafe context.pointee.c.err != 0 else { return "closed" }
        // SAFETY: the library keeps a C string in the context.
        return unsafe withUnsafePointer(to: &context.pointee.c.errstr) { text in
            unsafe String(cString: UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
        }
    }
}

extension Reply {
    /// A copy of a reply, which is freed when it has been taken up.
    init(copying reply: UnsafeMutablePointer<redisReply>) {
        let value = unsafe reply.pointee
        switch unsafe value.type {
        case REDIS_REPLY_INTEGER: unsafe self = .integer(Int(value.integer))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: unsafe self = .text(Reply.text(value))
        case REDIS_REPLY_ERROR: unsafe self = .error(Reply.text(value))
        case REDIS_REPLY_ARRAY:
            var elements: [Reply] = []
            unsafe elements.reserveCapacity(value.elements)
            for index in unsafe 0..<value.elements {
                // SAFETY: an array has `elements` elements, each a reply.
                if let element = unsafe value.element[index] {
                    unsafe elements.append(Reply(copying: element))
                }
            }
            self = .array(elements)
        default: self = .null
        }
    }

    private static func text(_ value: redisReply) -> [UInt8] {
        guard let start = unsafe value.str else { return [] }
        // SAFETY: the text is `len` bytes long.
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: value.len))
    }
}

// Global functions: C callbacks that carry nothing but the pointer they were given.

private func connection(_ pointer: UnsafeMutableRawPointer?) -> RedisConnection? {
    guard let pointer = unsafe pointer else { return nil }
    // SAFETY: the pointer is the connection that owns the context, see its `init`.
    return unsafe Unmanaged<RedisConnection>.fromOpaque(pointer).takeUnretainedValue()
}

private func makeText(
    _ task: UnsafePointer<redisReadTask>?, _ text: UnsafeMutablePointer<CChar>?, _ byteCount: Int
) -> UnsafeMutableRawPointer? {
    guard let task = unsafe task, let text = unsafe text else { return nil }
    return unsafe connection(task.pointee.privdata)?.make(task, text, byteCount)
}

private func addRead(_ data: UnsafeMutableRawPointer?) {
    unsafe connection(data)?.want(reads: true)
}
private func removeRead(_ data: UnsafeMutableRawPointer?) {
    unsafe connection(data)?.want(reads: false)
}
private func addWrite(_ data: UnsafeMutableRawPointer?) {
    unsafe connection(data)?.want(writes: true)
}
private func removeWrite(_ data: UnsafeMutableRawPointer?) {
    unsafe connection(data)?.want(writes: false)
}
private func cleanUp(_ data: UnsafeMutableRawPointer?) { unsafe connection(data)?.isGone() }

private func onConnect(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
    guard let context = unsafe context else { return }
    unsafe connection(context.pointee.data)?.isConnected(status == REDIS_OK)
}
