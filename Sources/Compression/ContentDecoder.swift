package import Bytes
internal import CSnappy
internal import CZlib
internal import CZstd
package import HTTP

/// Why a coded body cannot be read.
package enum ContentFault: Error, Equatable {
    /// It is not of its coding, or ends too early.
    case malformed
    /// What it holds is over the limit.
    case tooLong
}

/// Decodes bodies, one after the other. What it needs for that is kept from body to body, and does
/// not grow with them.
@safe package final class ContentDecoder {
    /// Bytes decoded at once, between two looks at the limit.
    package static let step = 1 << 16
    /// A zstd frame may refer back so far, as a power of two: 8 MiB, as RFC 8878 recommends.
    private static let windowLog: Int32 = 23
    /// zlib's largest window; with 16 more it expects a gzip header, negative none at all.
    private static let windowBits: Int32 = 15

    // SAFETY: allocated by `init`, freed by `deinit`, and never handed out. zlib keeps a pointer to
    // it, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isStreamReady = false
    // SAFETY: made when it is needed, freed by `deinit`.
    private var context: OpaquePointer?

    package init() {
        // SAFETY: the place is initialised at once.
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
    }

    deinit {
        // SAFETY: nobody uses them after this.
        if isStreamReady { unsafe inflateEnd(stream) }
        unsafe stream.deallocate()
        unsafe ZSTD_freeDCtx(context)
    }

    /// Appends what a body holds.
    /// - Parameter limit: bytes that it may hold.
    package func decode(
        _ body: Span<UInt8>, _ coding: ContentCoding, limit: Int, into output: inout ByteBuffer
    ) throws(ContentFault) {
        switch coding {
        case .identity: output.append(body)
        case .gzip:
            try inflate(body, ContentDecoder.windowBits + 16, limit: limit, into: &output)
        case .deflate:
            // With zlib's header, as the standard says, or without one, as some clients do.
            let bits =
                ContentDecoder.hasZlibHeader(body)
                ? ContentDecoder.windowBits : -ContentDecoder.windowBits
            try inflate(body, bits, limit: limit, into: &output)
        case .zstd: try decompress(body, limit: limit, into: &output)
        case .snappy: try uncompress(body, limit: limit, into: &output)
        }
    }

    private static func hasZlibHeader(_ body: Span<UInt8>) -> Bool {
        body.count >= 2 && body[0] & 0x0F == 8
            && (Int(body[0]) << 8 | Int(body[1])) % 31 == 0
    }

    // MARK: zlib

    private func inflate(
        _ body: Span<UInt8>, _ bits: Int32, limit: Int, into output: inout ByteBuffer
    ) throws(ContentFault) {
        // SAFETY: the stream is there as long as this object, and zlib writes nothing but it.
        let code =
            unsafe isStreamReady
            ? inflateReset2(stream, bits) : tm_inflate_init(stream, bits)
        guard code == Z_OK else { throw .malformed }
        isStreamReady = true
        let start = output.count
        var offset = 0
        while true {
            var (code, used) = (Z_OK, 0)
            // SAFETY: both buffers are lent for one step.
            let filled = unsafe output.fill(ContentDecoder.step) { space in
                unsafe body.extracting(offset..<body.count).withUnsafeBytes { rest in
                    (code, used) = unsafe inflate(rest, into: space)
                    return space.count - Int(unsafe stream.pointee.avail_out)
                }
            }
            guard filled != nil, output.count - start <= limit else { throw .tooLong }
            offset += used
            switch code {
            case Z_OK: continue
            case Z_STREAM_END where offset == body.count: return
            // A gzip file may have several members.
            case Z_STREAM_END where bits > ContentDecoder.windowBits:
                // SAFETY: as above.
                guard unsafe inflateReset2(stream, bits) == Z_OK else { throw .malformed }
            default: throw .malformed
            }
        }
    }

    /// One step of zlib.
    /// - Returns: its code, and how many bytes it has read.
    private func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (code: Int32, used: Int) {
        // SAFETY: zlib reads at most `avail_in` bytes and writes at most `avail_out` during the
        // call. Both pointers are set anew before the next one.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = UInt32(input.count)
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(output.count)
        let code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return (code, input.count - Int(unsafe stream.pointee.avail_in))
    }

    // MARK: Snappy

    private func uncompress(
        _ body: Span<UInt8>, limit: Int, into output: inout ByteBuffer
    ) throws(ContentFault) {
        var length = 0
        // SAFETY: the library reads the body during the calls, and writes the length.
        let isKnown = unsafe body.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return unsafe snappy_uncompressed_length(start, bytes.count, &length) == SNAPPY_OK
        }
        guard isKnown else { throw .malformed }
        guard length <= limit else { throw .tooLong }
        guard length > 0 else { return }
        var isGood = false
        // SAFETY: both buffers are lent for the call, and the library writes `length` bytes at
        // most.
        let filled = unsafe output.fill(length) { space in
            unsafe body.withUnsafeBytes { bytes in
                var size = length
                isGood =
                    unsafe snappy_uncompress(
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
                        space.baseAddress?.assumingMemoryBound(to: CChar.self), &size) == SNAPPY_OK
                return isGood ? size : 0
            }
        }
        guard filled != nil else { throw .tooLong }
        guard isGood else { throw .malformed }
    }

    // MARK: zstd

    private func decompress(
        _ body: Span<UInt8>, limit: Int, into output: inout ByteBuffer
    ) throws(ContentFault) {
        if unsafe context == nil {
            // SAFETY: a context, or nil when there is no memory for it.
            unsafe context = ZSTD_createDCtx()
            guard unsafe context != nil else { throw .malformed }
            // SAFETY: the context was just made.
            _ = unsafe ZSTD_DCtx_setParameter(
                context, ZSTD_d_windowLogMax, ContentDecoder.windowLog)
        }
        // SAFETY: the context is there.
        _ = unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        let start = output.count
        var offset = 0
        // What the library wants to read before a frame ends; 0 between frames.
        var rest = 1
        while offset < body.count || rest > 0 {
            var used = 0
            // SAFETY: both buffers are lent for one step.
            let filled = unsafe output.fill(ContentDecoder.step) { space in
                unsafe body.extracting(offset..<body.count).withUnsafeBytes { bytes in
                    // SAFETY: the library reads and writes within the two buffers, during the call.
                    var input = unsafe ZSTD_inBuffer(
                        src: bytes.baseAddress, size: bytes.count, pos: 0)
                    var target = unsafe ZSTD_outBuffer(
                        dst: space.baseAddress, size: space.count, pos: 0)
                    rest = unsafe ZSTD_decompressStream(context, &target, &input)
                    used = unsafe input.pos
                    return unsafe target.pos
                }
            }
            guard let filled, output.count - start <= limit else { throw .tooLong }
            // An error, or nothing more to read though something is to come.
            guard ZSTD_isError(rest) == 0, used > 0 || filled > 0 else {
                throw .malformed
            }
            offset += used
        }
    }
}
