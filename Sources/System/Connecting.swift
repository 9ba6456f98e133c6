internal import CLinux

/// A server's address, resolved.
package struct Endpoint: Sendable {
    fileprivate let address: sockaddr_storage
    fileprivate let length: socklen_t
    fileprivate var family: Int32 { Int32(address.ss_family) }

    /// Resolves a host name or a literal address; blocks while DNS answers, so it belongs to start-up
    /// or a thread of its own.
    /// - Throws: the resolver's reason in words.
    package static func resolve(host: String, port: UInt16) throws(ResolveError) -> Endpoint {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        // SAFETY: on success getaddrinfo hands over a list that freeaddrinfo takes back.
        defer { unsafe freeaddrinfo(list) }
        guard code == 0, let first = unsafe list?.pointee, let source = unsafe first.ai_addr else {
            // SAFETY: gai_strerror returns a static C string.
            throw ResolveError(host: host, reason: unsafe String(cString: gai_strerror(code)))
        }
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            // SAFETY: ai_addrlen bytes stand at ai_addr, and sockaddr_storage holds any address.
            unsafe bytes.copyMemory(
                from: UnsafeRawBufferPointer(
                    start: source, count: min(Int(first.ai_addrlen), bytes.count)))
        }
        return unsafe Endpoint(address: storage, length: first.ai_addrlen)
    }

    /// The address in numbers, as a C library takes it without asking a name server.
    package var hostText: String {
        var storage = address
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let capacity = socklen_t(text.count)
        let written = unsafe withUnsafeBytes(of: &storage) { bytes in
            let offset =
                family == AF_INET
                ? MemoryLayout<sockaddr_in>.offset(of: \sockaddr_in.sin_addr)
                : MemoryLayout<sockaddr_in6>.offset(of: \sockaddr_in6.sin6_addr)
            // SAFETY: the storage holds an address of this family, and the text any of its kind.
            return unsafe inet_ntop(
                family, bytes.baseAddress.unsafelyUnwrapped + (offset ?? 0), &text, capacity)
        }
        guard unsafe written != nil else { return "" }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
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
}

extension Sockets {
    /// Begins a connection; it is there (or has failed) when the descriptor becomes writable.
    package static func connect(to endpoint: Endpoint) throws(SystemError) -> FileDescriptor {
        let descriptor = try open(endpoint.family)
        disableDelay(descriptor)
        var address = endpoint.address
        let result = retrying {
            // SAFETY: the kernel reads `length` bytes, which the storage holds.
            unsafe Int(tm_connect(descriptor.number, &address, endpoint.length))
        }
        guard result == 0 || tm_errno() == EINPROGRESS else { throw SystemError("connect") }
        return descriptor
    }

    /// The error pending on a socket, 0 for none: how a begun connection went.
    package static func pendingError(_ descriptor: borrowing FileDescriptor) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe getsockopt(
            descriptor.number, SOL_SOCKET, SO_ERROR, &code, &length)
        return result == 0 ? code : tm_errno()
    }
}
