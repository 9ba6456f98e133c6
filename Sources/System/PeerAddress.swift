internal import CLinux

/// The address of a connection's other side, as 128 bits; IPv4 in its IPv6-mapped form.
package struct PeerAddress: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

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

extension PeerAddress {
    /// All addresses of the machine, IPv4 too.
    static let anyVersion6 = PeerAddress(high: 0, low: 0)
    static let anyVersion4 = PeerAddress(high: 0, low: 0xFFFF_0000_0000)
    package static let loopback = PeerAddress(high: 0, low: 0xFFFF_7F00_0001)

    /// Whether it is an IPv4 address.
    var isVersion4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// An address as text, without a port.
    package init?(_ text: String) {
        var four = in_addr()
        // SAFETY: the calls read the text, and write the address that they are given.
        if unsafe inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: UInt64(UInt32(bigEndian: four.s_addr)) | 0xFFFF_0000_0000)
            return
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        // SAFETY: as above.
        guard unsafe inet_pton(AF_INET6, text, &address.sin6_addr) == 1 else { return nil }
        self.init(address)
    }

    /// An address as proxies write it: with a port or without, IPv6 in brackets or without.
    package init?(forwarded text: String) {
        if let address = PeerAddress(text) {
            self = address
            return
        }
        var name = Substring(text)
        if name.hasPrefix("["), let end = name.firstIndex(of: "]") {
            name = name[name.index(after: name.startIndex)..<end]
        } else if let colon = name.lastIndex(of: ":") {
            name = name[..<colon]
        }
        self.init(String(name))
    }

    /// The address as 16 bytes, the first one first.
    package init?(bytes: Span<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        switch bytes.count {
        case 4:
            for index in 0..<4 { words.1 = words.1 << 8 | UInt64(bytes[index]) }
            words.1 |= 0xFFFF_0000_0000
        case 16:
            for index in 0..<8 { words.0 = words.0 << 8 | UInt64(bytes[index]) }
            for index in 8..<16 { words.1 = words.1 << 8 | UInt64(bytes[index]) }
        default: return nil
        }
        self.init(high: words.0, low: words.1)
    }
}

/// Addresses that begin with the same bits (RFC 4632), or a single one.
package struct AddressRange: Sendable {
    private let first: PeerAddress
    private let prefix: Int

    /// - Parameter text: for example `10.0.0.0/8`, `fd00::/8` or `127.0.0.1`.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = PeerAddress(String(parts[0])) else { return nil }
        let isVersion4 = !parts[0].contains(":")
        let most = isVersion4 ? 32 : 128
        var length = most
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...most).contains(number) else { return nil }
            length = number
        }
        first = address
        prefix = isVersion4 ? 96 + length : length
    }

    package func holds(_ address: PeerAddress) -> Bool {
        func mask(_ bits: Int) -> UInt64 {
            bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits))
        }
        let high = mask(prefix)
        let low = mask(prefix - 64)
        return (first.high ^ address.high) & high == 0 && (first.low ^ address.low) & low == 0
    }
}
