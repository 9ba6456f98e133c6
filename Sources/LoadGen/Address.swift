package import Options

/// Where requests go: a service, and the name it is called by.
package struct Address: Equatable, Sendable {
    package let url: ServiceURL
    package let hostHeader: String

    private static let limit = 64

    /// Reads `--target`, one or several with commas between, and `--host-header`.
    package static func list(_ options: inout Options) throws(OptionError) -> [Address] {
        let text = try options.required(
            "--target", "http://host:port[/prefix], or several, by commas")
        let hostHeader = options.text("--host-header")
        var addresses: [Address] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            addresses.append(try Address(part, hostHeader))
        }
        guard addresses.count <= limit else {
            throw OptionError("--target: allowed is at most \(limit) of them")
        }
        return addresses
    }

    private init(_ text: Substring, _ hostHeader: String?) throws(OptionError) {
        url = try ServiceURL(text, flag: "--target")
        self.hostHeader = hostHeader ?? url.hostHeader
        guard !self.hostHeader.isEmpty,
            self.hostHeader.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw OptionError("--host-header: allowed is visible ASCII") }
    }

    /// The host as a certificate names it: that of the Host header, where one is given.
    package var serverName: String {
        HostPort(hostHeader, defaultPort: 443)?.host ?? url.server.host
    }

    /// As the command line gave it.
    package var text: String { url.text }
}
