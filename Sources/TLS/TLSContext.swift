internal import COpenSSL

/// Why TLS could not be set up, or a connection secured: OpenSSL's reason, for people.
package struct TLSError: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// A client began with a request of HTTP instead of a handshake.
    package let isPlainRequest: Bool

    package init(_ description: String) {
        self.description = description
        isPlainRequest = false
    }

    /// The newest of OpenSSL's errors of this thread, behind what was tried; all of them are
    /// dropped.
    init(doing what: String) {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        isPlainRequest = tm_ssl_is_plain_request(code) != 0
        // SAFETY: the library returns nil or a static C string, which is copied at once.
        if code != 0, let reason = unsafe ERR_reason_error_string(code) {
            description = "\(what): \(unsafe String(cString: reason))"
        } else {
            description = what
        }
    }
}

/// What all connections of one side share: whom a client trusts, or what a server shows.
///
/// The library counts references to its context and locks what it changes, so threads may share it.
@safe package final class TLSContext: @unchecked Sendable {
    /// Whom a client takes for whom.
    package enum Trust: Equatable, Sendable {
        /// Certificates signed by one of the authorities in a file of PEM, and made out to the
        /// host.
        case authorities(file: String)
        /// Any certificate: the connection is private, but nobody knows with whom.
        case anybody
    }

    /// Debian's bundle of authorities, where no other file is named.
    package static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

    let handle: OpaquePointer
    let isServer: Bool
    let checksHost: Bool

    /// The side that connects, with a certificate of its own.
    /// - Parameters:
    ///   - certificate: path of a chain in PEM.
    ///   - key: path of its private key in PEM.
    package convenience init(
        trusting trust: Trust, certificate: String, key: String
    ) throws(TLSError) {
        try self.init(trusting: trust)
        try show(certificate: certificate, key: key)
    }

    /// The side that connects.
    package init(trusting trust: Trust) throws(TLSError) {
        // SAFETY: the methods are static; the context is this value's own and is freed once.
        guard let handle = unsafe SSL_CTX_new(TLS_client_method()) else {
            throw TLSError(doing: "TLS cannot be set up")
        }
        unsafe self.handle = handle
        isServer = false
        checksHost = trust != .anybody
        unsafe TLSContext.setCommon(handle)
        guard case .authorities(let file) = trust else { return }
        // SAFETY: the path is a C string for the length of the call, which reads the file and keeps
        // what is in it; the context is alive.
        guard unsafe SSL_CTX_load_verify_file(handle, file) == 1 else {
            throw TLSError(doing: "\(file): no certificates of authorities can be read")
        }
        unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
    }

    /// The side that is connected to.
    /// - Parameters:
    ///   - certificate: path of a chain in PEM, the server's own first.
    ///   - key: path of its private key in PEM.
    package init(certificate: String, key: String) throws(TLSError) {
        // SAFETY: as for the side that connects.
        guard let handle = unsafe SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(doing: "TLS cannot be set up")
        }
        unsafe self.handle = handle
        isServer = true
        checksHost = false
        unsafe TLSContext.setCommon(handle)
        unsafe tm_ssl_keep_no_sessions(handle)
        try show(certificate: certificate, key: key)
    }

    private func show(certificate: String, key: String) throws(TLSError) {
        // SAFETY: paths are C strings for the length of the calls, which read the files; the
        // context is alive.
        guard unsafe SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
            throw TLSError(doing: "\(certificate): no certificate can be read")
        }
        guard unsafe SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1 else {
            throw TLSError(doing: "\(key): no private key can be read, or not the certificate's")
        }
    }

    private static func setCommon(_ handle: OpaquePointer) {
        // SAFETY: the context was made by the caller, who owns it alone.
        unsafe _ = tm_ssl_set_oldest_version(handle)
        unsafe tm_ssl_set_modes(handle)
    }

    deinit {
        // SAFETY: made in init and freed only here; sessions hold references of the library's own.
        unsafe SSL_CTX_free(handle)
    }
}
