internal import Bytes
internal import System
internal import TLS

/// A client's socket, plain or with TLS on it.
struct ClientSocket: ~Copyable {
    private let descriptor: FileDescriptor
    private var channel: SecureChannel?
    /// Whether there is a channel. A plain socket is asked for its channel by every request, and
    /// this costs less than to look for it.
    private var isSecure: Bool

    /// - Parameter channel: nil for a plain one.
    init(_ descriptor: consuming FileDescriptor, channel: consuming SecureChannel?) {
        self.descriptor = descriptor
        isSecure = channel != nil
        self.channel = channel
    }

    var number: Int32 { descriptor.number }

    /// Whether the handshake is not done yet.
    var isSecuring: Bool { isSecure && ofChannel.isSecuring }
    /// Whether bytes wait for the socket that stand in no buffer of the connection any more.
    var isBlocked: Bool { isSecure && ofChannel.isBlocked }
    /// Memory for what waits there.
    var heldBytes: Int { isSecure ? ofChannel.heldBytes : 0 }

    @inline(never)
    private var ofChannel: (isSecuring: Bool, isBlocked: Bool, heldBytes: Int) {
        switch channel {
        case .some(let channel):
            (!channel.isOpen && !channel.isFinished, channel.isBlocked, channel.heldBytes)
        case .none: (false, false, 0)
        }
    }

    /// Whether the client began with a request of HTTP where TLS was awaited. Then the socket is a
    /// plain one from now on, so that the client can be told.
    mutating func becomesPlain() -> Bool {
        switch channel {
        case .some(let open): guard open.isPlainRequest else { return false }
        case .none: return false
        }
        channel = nil
        isSecure = false
        return true
    }

    /// - Parameter isClear: what comes is not secured yet.
    mutating func receive(into buffer: inout ByteBuffer, isClear: Bool) -> Transfer {
        if isSecure, !isClear, let outcome = channel?.receive(from: descriptor, into: &buffer) {
            return outcome
        }
        return descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Puts what the bytes say in their place, where they came before it was known that they are
    /// secured.
    mutating func open(_ bytes: inout ByteBuffer) -> Transfer {
        guard isSecure else { return .moved(bytes.count) }
        var secured = ByteBuffer(limit: bytes.limit)
        swap(&secured, &bytes)
        return channel?.receive(&secured, into: &bytes, answering: descriptor) ?? .ended
    }

    /// - Returns: `.wouldBlock` while bytes wait.
    mutating func send(from buffer: inout ByteBuffer) -> Transfer {
        if isSecure, let outcome = channel?.send(from: &buffer, to: descriptor) { return outcome }
        return descriptor.send(from: &buffer)
    }

    /// Says that nothing more will be sent.
    mutating func finishSending() {
        sayEnd()
        descriptor.finishSending()
    }

    /// Without this word a client of TLS cannot know that nobody has cut the connection.
    mutating func sayEnd() {
        if isSecure { channel?.finish(to: descriptor) }
    }

    /// Reads bytes of any kind that nobody wants.
    func skim(into buffer: inout ByteBuffer) -> Transfer {
        descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Gives back memory that holds nothing.
    mutating func releaseMemory() {
        if isSecure { channel?.releaseMemory() }
    }
}
