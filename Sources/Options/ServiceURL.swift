/// Where a web service is: `http://host[:port][/prefix]`, or the same with `https`.
package struct ServiceURL: Equatable, Sendable {
    package let server: HostPort
    package let isSecure: Bool
    /// What stands before the service's own paths, such as `/api`; empty or with a slash in front
    /// and none behind.
    package let prefix: String

    /// - Parameters:
    ///   - flag: named where the text is not understood.
    ///   - allowsQuery: its path may hold a query.
    package init(
        _ text: some StringProtocol, flag: String, allowsQuery: Bool = false
    ) throws(OptionError) {
        guard let location = Location(text), ["http", "https"].contains(location.scheme) else {
            throw OptionError("\(flag): \"\(text)\" must begin with http:// or https:// and a host")
        }
        guard location.userInfo == nil else {
            throw OptionError("\(flag): user names and passwords are not allowed in it")
        }
        isSecure = location.scheme == "https"
        guard let server = HostPort(location.authority, defaultPort: isSecure ? 443 : 80) else {
            throw OptionError(
                "\(flag): \"\(location.authority)\" is not allowed; allowed is \(HostPort.form)")
        }
        self.server = server
        var prefix = location.path
        while !allowsQuery, prefix.hasSuffix("/") { prefix.removeLast() }
        guard
            prefix.utf8.allSatisfy({
                $0 > 0x20 && $0 < 0x7F && (allowsQuery || $0 != 0x3F) && $0 != 0x23
            })
        else {
            throw OptionError(
                "\(flag): allowed in its path is visible ASCII without "
                    + (allowsQuery ? "#" : "? and #"))
        }
        self.prefix = prefix
    }

    /// The value of the Host header that names it.
    package var hostHeader: String {
        server.port == (isSecure ? 443 : 80) ? server.bracketedHost : server.text
    }

    /// With scheme and port, as `init` reads it.
    package var text: String { "\(isSecure ? "https" : "http")://\(server.text)\(prefix)" }
}
