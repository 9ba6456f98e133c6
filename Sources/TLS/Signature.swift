internal import COpenSSL

/// HMAC-SHA-256 (RFC 2104): proves that who knows the key has made the bytes.
package enum Signature {
    /// - Returns: 32 bytes.
    package static func sha256(of bytes: Span<UInt8>, key: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        unsafe bytes.withUnsafeBufferPointer { text in
            // SAFETY: the library reads so many bytes of the key and of the text, and writes at
            // most EVP_MAX_MD_SIZE bytes; all three outlive the call.
            _ = unsafe HMAC(
                EVP_sha256(), key, Int32(clamping: key.count), text.baseAddress, text.count,
                &digest, &count)
        }
        return Array(digest.prefix(Int(count)))
    }
}
