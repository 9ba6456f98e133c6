internal import CLinux

/// Listening and connecting sockets: all non-blocking and closed on exec.
package enum Sockets {
    /// Connections the kernel holds for a listener before anybody accepts them; it is cut to
    /// net.core.somaxconn.
    package static let backlogLimit: Int32 = 4096

    /// A listener of its own on `port`, sharing it with the other loops' (SO_REUSEPORT): the kernel
    /// spreads new connections over them. Port 0 takes any free one.
    /// - Parameter address: one of this machine; nil for all of them.
    package static func listen(port: UInt16, at address: PeerAddress?)
        throws(SystemError) -> FileDescriptor
    {
        let descriptor = try bound(port, at: address, isShared: true)
        try checked("listen") { Int(CLinux.listen(descriptor.number, backlogLimit)) }
        return descriptor
    }

    /// Throws when another process listens on `port`: the kernel would share it between both, and
    /// half of the clients would talk to the one, half to the other.
    package static func checkFree(port: UInt16, at address: PeerAddress?) throws(SystemError) {
        _ = try bound(port, at: address, isShared: false)
    }

    /// A socket that has taken a port.
    private static func bound(_ port: UInt16, at address: PeerAddress?, isShared: Bool)
        throws(SystemError) -> FileDescriptor
    {
        do {
            return try boundSocket(at: address ?? .anyVersion6, port: port, isShared: isShared)
        } catch {
            // A machine without IPv6 still serves IPv4.
            guard address == nil, error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL
            else { throw error }
            return try boundSocket(at: .anyVersion4, port: port, isShared: isShared)
        }
    }

    private static func boundSocket(
        at place: PeerAddress, port: UInt16, isShared: Bool
    ) throws(SystemError) -> FileDescriptor {
        let useIPv4 = place.isVersion4
        let descriptor = try open(useIPv4 ? AF_INET : AF_INET6)
        try set(descriptor.number, level: SOL_SOCKET, name: SO_REUSEADDR, to: 1)
        if isShared {
            try set(descriptor.number, level: SOL_SOCKET, name: SO_REUSEPORT, to: 1)
        }
        if useIPv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(truncatingIfNeeded: place.low).bigEndian
            try bind(descriptor.number, &address)
        } else {
            try set(
                descriptor.number, level: Int32(IPPROTO_IPV6), name: IPV6_V6ONLY, to: 0)
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            let words = (place.high.bigEndian, place.low.bigEndian)
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                // SAFETY: an IPv6 address is 16 bytes.
                unsafe bytes.storeBytes(of: words.0, toByteOffset: 0, as: UInt64.self)
                // SAFETY: as above.
                unsafe bytes.storeBytes(of: words.1, toByteOffset: 8, as: UInt64.self)
            }
            try bind(descriptor.number, &address)
        }
        return descriptor
    }

    /// The port a socket is bound to.
    package static func localPort(_ descriptor: borrowing FileDescriptor)
        throws(SystemError) -> UInt16
    {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        // SAFETY: the kernel writes at most `length` bytes into the structure.
        let result = unsafe tm_local_address(descriptor.number, &address, &length)
        guard result == 0 else { throw SystemError("getsockname") }
        return UInt16(bigEndian: address.sin6_port)
    }

    /// What accepting came to.
    package enum Acceptance: ~Copyable {
        case connection(FileDescriptor, PeerAddress)
        case none
        /// The process or the machine is out of descriptors or memory.
        case exhausted(Int32)
    }

    /// Accepts one waiting connection.
    package static func accept(_ listener: borrowing FileDescriptor) -> Acceptance {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = retrying {
            // SAFETY: the kernel writes at most `length` bytes into the structure.
            unsafe Int(tm_accept(listener.number, &address, &length))
        }
        if result >= 0 {
            let descriptor = FileDescriptor(owning: Int32(result))
            disableDelay(descriptor)
            return .connection(descriptor, PeerAddress(address))
        }
        switch tm_errno() {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(tm_errno())
        // EAGAIN: nobody waits. ECONNABORTED and its like: that one gave up, look again later.
        default: return .none
        }
    }

    /// Answers are one write each: waiting to fill a segment only adds delay.
    package static func disableDelay(_ descriptor: borrowing FileDescriptor) {
        try? set(descriptor.number, level: Int32(IPPROTO_TCP), name: TCP_NODELAY, to: 1)
    }

    static func open(_ family: Int32) throws(SystemError) -> FileDescriptor {
        let type = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        return FileDescriptor(
            owning: Int32(try checked("socket") { Int(socket(family, Int32(type), 0)) }))
    }

    private static func set(
        _ descriptor: Int32, level: Int32, name: Int32, to value: Int32
    ) throws(SystemError) {
        var value = value
        // SAFETY: the kernel reads the integer's own bytes.
        let result = unsafe setsockopt(
            descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        guard result == 0 else { throw SystemError("setsockopt") }
    }

    private static func bind<Address>(_ descriptor: Int32, _ address: inout Address)
        throws(SystemError)
    {
        let result = unsafe withUnsafeBytes(of: &address) { bytes in
            // SAFETY: the kernel reads exactly the structure's own bytes.
            unsafe tm_bind(descriptor, bytes.baseAddress, socklen_t(bytes.count))
        }
        guard result == 0 else { throw SystemError("bind") }
    }
}

extension Sockets {
    /// Begins a connection; it is there (or has failed) when the descriptor becomes writable.
    package static func connect(to endpoint: SocketAddress) throws(SystemError) -> FileDescriptor {
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
        // SAFETY: the kernel writes at most `length` bytes into the integer.
        let result = unsafe getsockopt(
            descriptor.number, SOL_SOCKET, SO_ERROR, &code, &length)
        return result == 0 ? code : tm_errno()
    }
}
