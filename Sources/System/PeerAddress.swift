internal import CLinux

/// The address of a connection's other side, as 128 bits; IPv4 in its IPv6-mapped form.
package struct PeerAddress: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    init(_ address: sockaddr_in6) {
        if Int32(address.sin6_family) == AF_INET {
            // In sockaddr_in the four address bytes stand where sockaddr_in6 has its flow label.
            high = 0
            low = UInt64(UInt32(bigEndian: address.sin6_flowinfo)) | 0xFFFF_0000_0000
            return
        }
        let words = unsafe withUnsafeBytes(of: address.sin6_addr) { bytes in
            // SAFETY: an IPv6 address is 16 bytes.
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self).bigEndian,
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian
            )
        }
        high = words.0
        low = words.1
    }
}
