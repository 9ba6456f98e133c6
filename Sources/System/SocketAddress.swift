internal import CLinux

/// A server's address, resolved.
package struct SocketAddress: Sendable, Equatable {
    let address: sockaddr_storage
    let length: socklen_t
    var family: Int32 { Int32(address.ss_family) }

    /// Most addresses kept of one name.
    package static let addressLimit = 256

    /// All addresses of a host name or a literal address, in the resolver's order (RFC 6724);
    /// blocks while DNS answers, so it belongs to start-up or a thread of its own.
    /// - Throws: the resolver's reason in words.
    package static func resolveAll(host: String, port: UInt16) throws(ResolveError)
        -> [SocketAddress]
    {
        // SAFETY: all zero is a valid value of the C struct; it holds no pointer.
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: the call reads the hints and fills `list`.
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        // SAFETY: on success getaddrinfo hands over a list that freeaddrinfo takes back.
        defer { if code == 0 { unsafe freeaddrinfo(list) } }
        guard code == 0 else {
            // SAFETY: gai_strerror returns a static C string.
            throw ResolveError(host: host, reason: unsafe String(cString: gai_strerror(code)))
        }
        var endpoints: [SocketAddress] = []
        var next = unsafe list
        // SAFETY: the list's entries live until freeaddrinfo, and end with nil.
        while let entry = unsafe next?.pointee, endpoints.count < addressLimit {
            if let source = unsafe entry.ai_addr {
                let endpoint = unsafe SocketAddress(copying: source, length: entry.ai_addrlen)
                if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
            }
            unsafe next = entry.ai_next
        }
        guard !endpoints.isEmpty else { throw ResolveError(host: host, reason: "no address") }
        return endpoints
    }

    /// A socket of this machine; nil where the path is longer than the kernel takes.
    package init?(path: String) {
        var place = sockaddr_un()
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: place.sun_path) else { return nil }
        place.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &place.sun_path) { space in
            // SAFETY: the path is shorter than the space, which is zeroed behind it.
            unsafe space.copyBytes(from: bytes)
        }
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { space in
            unsafe withUnsafeBytes(of: place) { source in
                // SAFETY: sockaddr_storage holds any address.
                unsafe space.copyMemory(from: source)
            }
        }
        address = storage
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
    }

    @unsafe private init(copying source: UnsafeMutablePointer<sockaddr>, length: socklen_t) {
        var storage = sockaddr_storage()
        // SAFETY: `length` bytes stand at `source`, and sockaddr_storage holds any address.
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            unsafe bytes.copyMemory(
                from: UnsafeRawBufferPointer(start: source, count: min(Int(length), bytes.count)))
        }
        address = storage
        self.length = length
    }

    package static func == (left: SocketAddress, right: SocketAddress) -> Bool {
        guard left.length == right.length else { return false }
        return unsafe withUnsafeBytes(of: left.address) { one in
            // SAFETY: both are whole structures of the same type, zeroed before they were filled.
            unsafe withUnsafeBytes(of: right.address) { other in unsafe one.elementsEqual(other) }
        }
    }

    /// Whether the host is an address in numbers, so that resolving it asks nobody.
    package static func isNumeric(_ host: String) -> Bool {
        var address = in6_addr()
        // SAFETY: 16 bytes hold an address of either family.
        return unsafe inet_pton(AF_INET, host, &address) == 1
            || inet_pton(AF_INET6, host, &address) == 1
    }
}

package struct ResolveError: Error, CustomStringConvertible {
    package let host: String
    package let reason: String
    package var description: String { "cannot resolve \(host): \(reason)" }

    package init(host: String, reason: String) {
        self.host = host
        self.reason = reason
    }
}
