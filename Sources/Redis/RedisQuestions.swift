internal import Bytes
internal import CHiredis

/// A connection of a tool, which waits for each reply. The service's own never waits:
/// `RedisConnection`.
@safe package final class RedisQuestions {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// How long a server may take for a reply.
    private static let patience = 30

    private let address: NodeAddress
    // SAFETY: opened by `init`, freed by `deinit`, and used in between alone.
    private let context: UnsafeMutablePointer<redisContext>

    /// Connects, and says who we are.
    package init(_ address: NodeAddress, _ settings: ServerSettings) throws(Failure) {
        self.address = address
        let patience = timeval(tv_sec: RedisQuestions.patience, tv_usec: 0)
        // SAFETY: the library copies the host's name, which lives until the call returns.
        guard
            let context = unsafe redisConnectWithTimeout(
                address.host, Int32(address.port), patience)
        else { throw Failure(description: "\(address): out of memory") }
        unsafe self.context = context
        // SAFETY: the context is there as long as this object; so in all that follows.
        guard unsafe context.pointee.err == 0 else { throw failure() }
        unsafe redisSetTimeout(context, patience)
        var commands = CommandBuffer()
        var count = 0
        if !settings.password.isEmpty {
            commands.begin(settings.user.isEmpty ? 2 : 3)
            commands.add("AUTH")
            if !settings.user.isEmpty { commands.add(text: settings.user) }
            commands.add(text: settings.password)
            commands.end()
            count += 1
        }
        if settings.database > 0 {
            commands.begin(2)
            commands.add("SELECT")
            commands.add(integer: settings.database)
            commands.end()
            count += 1
        }
        _ = try replies(to: commands, count: count)
    }

    // SAFETY: nobody uses the context after this.
    deinit { unsafe redisFree(context) }

    /// Sends commands, and waits for the reply to each.
    /// - Throws: also where one of them is refused.
    package func replies(
        to commands: borrowing CommandBuffer, count: Int
    ) throws(Failure) -> [Reply] {
        guard count > 0 else { return [] }
        let bytes = commands.bytes.readable
        let isTaken = unsafe bytes.withUnsafeBufferPointer { buffer in
            // SAFETY: the commands lie in the buffer; the library copies them during the call.
            let text = unsafe UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped)
            return unsafe redisAppendFormattedCommand(
                context, text.assumingMemoryBound(to: CChar.self), buffer.count) == REDIS_OK
        }
        guard isTaken else { throw failure() }
        var replies: [Reply] = []
        for _ in 0..<count {
            var reply: UnsafeMutableRawPointer?
            guard unsafe redisGetReply(context, &reply) == REDIS_OK, let reply = unsafe reply
            else { throw failure() }
            // SAFETY: the library gives away a whole reply, which is freed once, here.
            let object = unsafe reply.assumingMemoryBound(to: redisReply.self)
            let copy = unsafe Reply(copying: object)
            unsafe freeReplyObject(reply)
            if case .failure(let refused) = copy {
                throw Failure(description: "\(address): \(refused.text)")
            }
            replies.append(copy)
        }
        return replies
    }

    private func failure() -> Failure {
        // SAFETY: the library keeps a C string in the context, which is copied here.
        let text = unsafe withUnsafePointer(to: &context.pointee.errstr) { text in
            unsafe String(cString: UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
        }
        return Failure(description: "\(address): \(text)")
    }
}
