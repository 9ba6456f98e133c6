internal import Bytes
internal import CHiredis

/// Reads replies out of bytes, with libhiredis' parser. Entry IDs, the most frequent ones, become
/// no object of the library's.
///
/// Used by one thread alone.
@safe final class ReplyParser {
    enum Parsed {
        case reply(Reply)
        case entryID(EntryID)
        /// What came is no RESP.
        case nonsense
    }

    // SAFETY: all three are made by `init` and freed by `deinit` alone.
    private let reader: UnsafeMutablePointer<redisReader>
    /// How the parser makes an object of a reply: with its own functions, except for entry IDs.
    private let makers = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    /// What the parser gets for an entry ID: it must get some object.
    private let noted = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
    private var libraryMakers: redisReplyObjectFunctions
    private var lastID = EntryID.zero

    init() {
        // SAFETY: the library returns nil only when there is no memory, and a parser with functions
        // else.
        guard let reader = unsafe redisReaderCreate() else { preconditionFailure("no memory") }
        unsafe self.reader = reader
        unsafe libraryMakers = reader.pointee.fn.pointee
        unsafe makers.initialize(to: libraryMakers)
        unsafe makers.pointee.createString = makeText
        unsafe noted.initialize(to: redisReply())
        unsafe reader.pointee.fn = makers
        // SAFETY: the parser gives this pointer back only while this object uses it.
        unsafe reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        // SAFETY: nobody uses them after this. An unfinished reply is freed with the library's own
        // functions, to which `makers` leads.
        unsafe redisReaderFree(reader)
        unsafe makers.deallocate()
        unsafe noted.deallocate()
    }

    /// Takes bytes in. They are copied.
    func feed(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            // SAFETY: the library reads so many bytes during the call.
            _ = unsafe redisReaderFeed(
                reader, start.assumingMemoryBound(to: CChar.self), buffer.count)
        }
    }

    /// The next whole reply; nil when more bytes are needed.
    func next() -> Parsed? {
        var reply: UnsafeMutableRawPointer?
        // SAFETY: the parser is there as long as this object; an object that it gives away is ours.
        guard unsafe redisReaderGetReply(reader, &reply) == REDIS_OK else { return .nonsense }
        // SAFETY: addresses are compared, and nothing is read.
        guard let reply = unsafe reply else { return nil }
        // SAFETY: as above.
        if unsafe reply == UnsafeMutableRawPointer(noted) { return .entryID(lastID) }
        // SAFETY: the reader gives away a whole reply, which is freed once, here.
        let object = unsafe reply.assumingMemoryBound(to: redisReply.self)
        // SAFETY: as above.
        let copy = unsafe Reply(copying: object)
        // SAFETY: as above.
        unsafe freeReplyObject(reply)
        return .reply(copy)
    }

    /// Makes the object of a text, or notes the entry ID that it is.
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
                lastID = id
                return unsafe UnsafeMutableRawPointer(noted)
            }
        }
        // SAFETY: these are the parser's own arguments, handed on to its own function.
        return unsafe libraryMakers.createString(task, text, byteCount)
    }
}

extension Reply {
    /// A copy of a reply, which the caller frees.
    ///
    /// SAFETY: the parser has filled in the fields that belong to the reply's type.
    fileprivate init(copying reply: UnsafeMutablePointer<redisReply>) {
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

/// A C callback, which gets nothing but the pointer that the parser was set up with.
///
/// SAFETY: the parser calls this with a task and a text of `byteCount` bytes; the task carries the
/// pointer that `init` set: the parser's owner, which is there until its `deinit` has freed the
/// parser.
private func makeText(
    task: UnsafePointer<redisReadTask>?, text: UnsafeMutablePointer<CChar>?, byteCount: Int
) -> UnsafeMutableRawPointer? {
    guard let task = unsafe task, let text = unsafe text,
        let owner = unsafe task.pointee.privdata
    else { return nil }
    let parser = unsafe Unmanaged<ReplyParser>.fromOpaque(owner).takeUnretainedValue()
    return unsafe parser.make(text, byteCount: byteCount, for: task)
}
