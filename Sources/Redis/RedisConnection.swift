internal import Bytes
internal import CHiredis
package import System

/// One connection of libhiredis' asynchronous client, which connects and writes. Replies are read
/// with its parser. The callbacks only note what occurred; the loop asks for it when the library
/// has returned, so nothing that the library still uses is freed.
///
/// Used by one thread alone.
@safe package final class RedisConnection {
    package enum Occurrence {
        case connected
        /// A reply that is the ID of an entry, already parsed.
        case entryID(EntryID)
        case reply(Reply)
        case closed(String)
    }

    /// What the library reads in one go, and how often it is told to for one event: a megabyte.
    private static let hiredisRead = 16 * 1024
    private static let readsPerEvent = 64

    private var context: UnsafeMutablePointer<redisAsyncContext>?
    /// How the library's parser makes an object of a reply: with its own functions, except for
    /// entry IDs, which need no object. A pointer, because the parser keeps one.
    // SAFETY: allocated here for one, and freed by `deinit`; the same holds for `noted`.
    private let makers = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    /// The library's own functions.
    private var libraryMakers: UnsafeMutablePointer<redisReplyObjectFunctions>?
    /// What the parser gets for a reply that was noted already: it must get some object.
    private let noted = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
    private var occurrences: [Occurrence] = []
    private var told = 0
    private var wanted = Interest(reads: false, writes: false)
    private var registered: Interest?
    package private(set) var descriptor: Int32 = -1

    /// Begins to connect to a numeric address.
    package init(host: String, port: UInt16) {
        // SAFETY: the library copies the host's name, which lives until the call returns.
        guard let context = unsafe redisAsyncConnect(host, Int32(port)) else {
            occurrences.append(.closed("out of memory"))
            return
        }
        // SAFETY: the context is live until it is freed, here or by `close`.
        guard unsafe context.pointee.err == 0 else {
            unsafe occurrences.append(.closed(RedisConnection.reason(context)))
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
        unsafe parseEntryIDs(context, this)
        // The library says that the socket is connected when it is first writable.
        wanted = .write
    }

    /// Puts this object between the library's parser and the objects it makes.
    private func parseEntryIDs(
        _ context: UnsafeMutablePointer<redisAsyncContext>, _ this: UnsafeMutableRawPointer
    ) {
        // SAFETY: a context has a parser with functions; it is freed before what it gets here.
        let parser = unsafe context.pointee.c.reader.unsafelyUnwrapped
        unsafe libraryMakers = parser.pointee.fn
        unsafe makers.initialize(to: parser.pointee.fn.pointee)
        unsafe makers.pointee.createString = makeText
        unsafe noted.initialize(to: redisReply())
        unsafe parser.pointee.fn = makers
        unsafe parser.pointee.privdata = this
    }

    deinit {
        close()
        // SAFETY: the parser went with the context; what is in here needs no deinit.
        unsafe makers.deallocate()
        unsafe noted.deallocate()
    }

    package var isOpen: Bool { unsafe context != nil }

    /// Closes at once; commands that have no reply get none.
    package func close() {
        // SAFETY: the context is live; `cleanup` clears the property during this call.
        guard let context = unsafe context else { return }
        unsafe redisAsyncFree(context)
        unsafe self.context = nil
    }

    // MARK: Commands

    /// Hands a pipeline to the library; it is written by the next `write`.
    package func send(_ commands: borrowing CommandBuffer) {
        // SAFETY: a context that is not nil is live.
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
        // SAFETY: the context is live; should the call free it, `cleanup` clears the property.
        guard let context = unsafe context else { return }
        unsafe redisAsyncHandleWrite(context)
    }

    /// Lets the library act on what the poller saw.
    package func handle(_ event: Event) {
        if event.isWritable, let context = unsafe context {
            // SAFETY: the context is live; should the call free it, `cleanup` clears the property.
            unsafe redisAsyncHandleWrite(context)
        }
        if event.isReadable || event.isBroken { read() }
    }

    /// Reads what has come. The library's own reading aborts the process when a server replies to
    /// nothing; here that is a reply like any other, and the machine knows what it awaits.
    private func read() {
        // SAFETY: the context is live; should a call free it, `cleanup` clears the property, which
        // is read anew after each. The first call settles whether the socket is connected at all.
        if let context = unsafe context, unsafe context.pointee.c.flags & REDIS_CONNECTED == 0 {
            unsafe redisAsyncHandleWrite(context)
        }
        guard let context = unsafe context, unsafe context.pointee.c.flags & REDIS_CONNECTED != 0
        else { return }
        // hiredis reads a little at a time. Of a long reply more is read
        // before the loop goes on.
        for _ in 0..<RedisConnection.readsPerEvent {
            // SAFETY: as above.
            let before = unsafe context.pointee.c.reader.pointee.len
            guard unsafe redisBufferRead(&context.pointee.c) == REDIS_OK else { return close() }
            // SAFETY: as above; what was read stands in the buffer until replies are taken.
            let count = unsafe context.pointee.c.reader.pointee.len - before
            if count < RedisConnection.hiredisRead { break }
        }
        while true {
            var reply: UnsafeMutableRawPointer?
            // SAFETY: `redisGetReplyFromReader` frees no context, so it is live through the loop.
            guard unsafe redisGetReplyFromReader(&context.pointee.c, &reply) == REDIS_OK
            else { return close() }
            guard let reply = unsafe reply else { return }
            if unsafe reply == UnsafeMutableRawPointer(noted) { continue }
            // SAFETY: the reader gives away a whole reply, which is freed once, here.
            let object = unsafe reply.assumingMemoryBound(to: redisReply.self)
            unsafe occurrences.append(.reply(Reply(copying: object)))
            unsafe freeReplyObject(reply)
        }
    }

    /// What occurred and was not yet asked for, oldest first.
    package func nextOccurrence() -> Occurrence? {
        guard told < occurrences.count else {
            occurrences.removeAll(keepingCapacity: true)
            told = 0
            return nil
        }
        told += 1
        return occurrences[told - 1]
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
        if succeeded { occurrences.append(.connected) }
    }

    /// Makes the object of a text, or notes at once the entry ID that it is.
    /// - Parameter byteCount: the text's length.
    fileprivate func make(
        _ text: UnsafeMutablePointer<CChar>, byteCount: Int, for task: UnsafePointer<redisReadTask>
    ) -> UnsafeMutableRawPointer? {
        // SAFETY: the parser's task lives until this returns.
        if unsafe task.pointee.parent == nil, unsafe task.pointee.type == REDIS_REPLY_STRING,
            byteCount <= EntryID.textLimit
        {
            // SAFETY: the parser's text is so many bytes long and lives until this returns.
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self),
                count: byteCount)
            if let id = unsafe EntryID(Span(_unsafeElements: bytes)) {
                occurrences.append(.entryID(id))
                return unsafe UnsafeMutableRawPointer(noted)
            }
        }
        // SAFETY: these are the parser's own arguments, handed on to its own function.
        return unsafe libraryMakers?.pointee.createString?(task, text, byteCount)
    }

    fileprivate func isGone() {
        // SAFETY: the library calls this before it frees the context.
        if let context = unsafe context {
            unsafe occurrences.append(.closed(RedisConnection.reason(context)))
        }
        unsafe context = nil
        registered = nil
    }

    private static func reason(_ context: UnsafeMutablePointer<redisAsyncContext>) -> String {
        // SAFETY: each caller has a context that is not freed yet.
        guard unsafe context.pointee.c.err != 0 else { return "closed" }
        // SAFETY: the library keeps a C string in the context.
        return unsafe withUnsafePointer(to: &context.pointee.c.errstr) { text in
            unsafe String(cString: UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
        }
    }
}

extension Reply {
    /// A copy of a reply, which the caller frees.
    ///
    /// SAFETY: the parser has filled in the fields that belong to the reply's type.
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
        // SAFETY: a reply of a text's type, not yet freed, has a text or none.
        guard let start = unsafe value.str else { return [] }
        // SAFETY: the text is `len` bytes long.
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: value.len))
    }
}

// Global functions: C callbacks, which get nothing but the pointer that they were set up with.

/// SAFETY: each callback gets the pointer that `init` gave to the library: the connection that owns
/// the context. It is there until its `deinit` has freed the context, after which nothing calls
/// back.
private func connection(_ pointer: UnsafeMutableRawPointer?) -> RedisConnection? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe Unmanaged<RedisConnection>.fromOpaque(pointer).takeUnretainedValue()
}

/// SAFETY: the parser calls this with a task and a text of `byteCount` bytes; the task carries the
/// pointer that `parseEntryIDs` set, see `connection`.
private func makeText(
    task: UnsafePointer<redisReadTask>?, text: UnsafeMutablePointer<CChar>?, byteCount: Int
) -> UnsafeMutableRawPointer? {
    guard let task = unsafe task, let text = unsafe text else { return nil }
    return unsafe connection(task.pointee.privdata)?.make(text, byteCount: byteCount, for: task)
}

private func addRead(_ data: UnsafeMutableRawPointer?) {
    // SAFETY: see `connection`.
    unsafe connection(data)?.want(reads: true)
}
private func removeRead(_ data: UnsafeMutableRawPointer?) {
    // SAFETY: see `connection`.
    unsafe connection(data)?.want(reads: false)
}
private func addWrite(_ data: UnsafeMutableRawPointer?) {
    // SAFETY: see `connection`.
    unsafe connection(data)?.want(writes: true)
}
private func removeWrite(_ data: UnsafeMutableRawPointer?) {
    // SAFETY: see `connection`.
    unsafe connection(data)?.want(writes: false)
}
private func cleanUp(_ data: UnsafeMutableRawPointer?) {
    // SAFETY: see `connection`.
    unsafe connection(data)?.isGone()
}

private func onConnect(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
    // SAFETY: the library calls this with a live context; see `connection`.
    guard let context = unsafe context else { return }
    unsafe connection(context.pointee.data)?.isConnected(status == REDIS_OK)
}
