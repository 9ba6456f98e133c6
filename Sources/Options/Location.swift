/// The parts of a URL with a server in it, `scheme://[userinfo@]authority[/path]`, still as text.
///
/// Whoever knows the scheme reads the parts on: the authority as one `HostPort` or as several.
package struct Location: Equatable, Sendable {
    /// In small letters.
    package let scheme: String
    /// What stands before the last `@`, still percent-encoded; nil without one.
    package let userInfo: String?
    package let authority: String
    /// With its slash in front; empty without one. A query belongs to it.
    package let path: String

    /// Takes a text apart; nil when it has no scheme or no authority.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        guard let mark = text.firstRange(of: "://"), mark.lowerBound > text.startIndex else {
            return nil
        }
        let scheme = text[..<mark.lowerBound]
        guard
            scheme.utf8.allSatisfy({
                (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2B
                    || $0 == 0x2D || $0 == 0x2E
            })
        else { return nil }
        var rest = text[mark.upperBound...]
        // A password may hold a slash that its writer forgot to encode, so the last @ decides.
        if let at = rest.lastIndex(of: "@") {
            userInfo = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        } else {
            userInfo = nil
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard slash > rest.startIndex else { return nil }
        self.scheme = scheme.lowercased()
        authority = String(rest[..<slash])
        path = String(rest[slash...])
    }

    /// The servers of an authority such as `a:1,b:2`; nil when one of them is none.
    package func servers(defaultPort: UInt16) -> [HostPort]? {
        var servers: [HostPort] = []
        for part in authority.split(separator: ",", omittingEmptySubsequences: false) {
            guard let server = HostPort(part, defaultPort: defaultPort) else { return nil }
            servers.append(server)
        }
        return servers
    }
}
