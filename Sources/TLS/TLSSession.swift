package import Bytes
internal import COpenSSL

/// One TLS connection as a transformation of bytes: what arrives goes in, what is to be sent comes
/// out, and no socket is known. TLS 1.2 and 1.3, either side.
@safe package struct TLSSession: ~Copyable {
    package enum State: Equatable {
        case handshaking
        case open
        /// The other side has said that nothing more will come.
        case finished
        /// What arrived is no TLS, or the other side is not trusted.
        case failed(TLSError)
    }

    /// Most bytes decrypted or encrypted at once: a TLS record's content (RFC 8446 section 5.1).
    private static let recordBytes = 16 * 1024
    /// While more ciphertext than this waits to be sent, nothing more is encrypted.
    package static let pendingLimit = 256 * 1024

    private let handle: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    package private(set) var state = State.handshaking

    /// - Parameter serverName: for a client the host it wants, which is sent (SNI) unless it is an
    ///   address, and which the certificate must be made out to; nil for a server.
    package init(_ context: TLSContext, serverName: String?) throws(TLSError) {
        // SAFETY: the context is alive, and the library counts the session's reference to it.
        guard let handle = unsafe SSL_new(context.handle) else {
            throw TLSError(doing: "TLS session")
        }
        guard let incoming = unsafe tm_bio_memory(), let outgoing = unsafe tm_bio_memory() else {
            unsafe SSL_free(handle)
            throw TLSError(doing: "TLS session")
        }
        unsafe self.handle = handle
        unsafe self.incoming = incoming
        unsafe self.outgoing = outgoing
        // SAFETY: the session takes both buffers over and frees them with itself.
        unsafe SSL_set_bio(handle, incoming, outgoing)
        if context.isServer {
            unsafe SSL_set_accept_state(handle)
        } else {
            unsafe SSL_set_connect_state(handle)
        }
        if let serverName {
            unsafe TLSSession.setPeer(handle, serverName, isChecked: context.checksHost)
        }
    }

    deinit {
        // SAFETY: made in init, owned by this value alone; the buffers go with it.
        unsafe SSL_free(handle)
    }

    private static func setPeer(_ handle: OpaquePointer, _ name: String, isChecked: Bool) {
        // SAFETY: the session is alive; the library copies the name.
        let parameters = unsafe SSL_get0_param(handle)
        // An address goes into no SNI (RFC 6066 section 3), and is looked for among addresses.
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 { return }
        unsafe _ = tm_ssl_set_server_name(handle, name)
        if isChecked { unsafe _ = SSL_set1_host(handle, name) }
    }

    /// Goes on with the handshake as far as what has arrived allows.
    private mutating func shakeHands() {
        guard state == .handshaking else { return }
        ERR_clear_error()
        // SAFETY: the session and its buffers are alive; so in all that follows.
        let result = unsafe SSL_do_handshake(handle)
        if result == 1 {
            state = .open
        } else {
            note(result, doing: "TLS handshake")
        }
    }

    /// Takes what arrived and adds what it says to `plaintext`, up to the buffer's limit; what the
    /// protocol wants sent goes to `ciphertext`.
    package mutating func receive(
        _ arrived: inout ByteBuffer, into plaintext: inout ByteBuffer,
        answering ciphertext: inout ByteBuffer
    ) {
        takeIn(&arrived)
        shakeHands()
        while state == .open {
            var result: Int32 = 0
            let filled = unsafe plaintext.fill(TLSSession.recordBytes) { space in
                ERR_clear_error()
                // SAFETY: the library writes at most `space.count` bytes.
                result = unsafe SSL_read(handle, space.baseAddress, Int32(space.count))
                return max(0, Int(result))
            }
            guard filled != nil else { break }
            if result <= 0 {
                note(result, doing: "TLS")
                break
            }
        }
        hand(to: &ciphertext)
    }

    /// Encrypts what it can of `plaintext`; before the handshake is done that is nothing, and a
    /// client's first call begins it.
    package mutating func send(
        _ plaintext: inout ByteBuffer, into ciphertext: inout ByteBuffer
    ) {
        shakeHands()
        hand(to: &ciphertext)
        while state == .open, !plaintext.isEmpty, ciphertext.count < TLSSession.pendingLimit {
            ERR_clear_error()
            let result = unsafe plaintext.readable.withUnsafeBytes { bytes in
                // SAFETY: the library reads at most so many bytes.
                unsafe SSL_write(
                    handle, bytes.baseAddress, Int32(min(bytes.count, TLSSession.recordBytes)))
            }
            if result > 0 {
                plaintext.consume(Int(result))
            } else {
                note(result, doing: "TLS")
            }
            hand(to: &ciphertext)
            if result <= 0 { return }
        }
    }

    /// Says that nothing more will be sent.
    package mutating func finish(into ciphertext: inout ByteBuffer) {
        guard state == .open || state == .finished else { return }
        ERR_clear_error()
        // SAFETY: the handle is live as long as this value.
        unsafe _ = SSL_shutdown(handle)
        hand(to: &ciphertext)
    }

    private mutating func takeIn(_ arrived: inout ByteBuffer) {
        guard !arrived.isEmpty else { return }
        let count = unsafe arrived.readable.withUnsafeBytes { bytes in
            // SAFETY: the library reads `count` bytes and copies them.
            unsafe BIO_write(incoming, bytes.baseAddress, Int32(clamping: bytes.count))
        }
        arrived.consume(max(0, Int(count)))
    }

    private func hand(to ciphertext: inout ByteBuffer) {
        // SAFETY: the session owns both memory buffers.
        let pending = unsafe tm_bio_pending(outgoing)
        guard pending > 0 else { return }
        _ = unsafe ciphertext.fill(pending) { space in
            // SAFETY: the library writes at most `space.count` bytes.
            max(0, Int(unsafe BIO_read(outgoing, space.baseAddress, Int32(space.count))))
        }
    }

    private mutating func note(_ result: Int32, doing what: String) {
        // SAFETY: the handle is live as long as this value.
        switch unsafe SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
        case SSL_ERROR_ZERO_RETURN: state = .finished
        default: state = .failed(reason(doing: what))
        }
    }

    /// A certificate that was not accepted says why; OpenSSL's own error only says that it was not.
    private func reason(doing what: String) -> TLSError {
        // SAFETY: the handle is live as long as this value.
        let code = unsafe SSL_get_verify_result(handle)
        guard code != X509_V_OK else { return TLSError(doing: what) }
        ERR_clear_error()
        // SAFETY: the library returns a static C string, which is copied at once.
        let text = unsafe String(cString: X509_verify_cert_error_string(code))
        return TLSError("the certificate is not accepted: \(text)")
    }
}
