package import Options

/// Where requests go: a server, the path before the service's own, and the name it is called by.
package struct Address: Equatable, Sendable {
    package let target: Target
    /// What stands before `/ingest`, such as `/api`; empty or with a slash in front and none behind.
    package let prefix: String
    package let hostHeader: String

    private static let limit = 64

    /// Reads `--target`, one or several with commas between, and `--host-header`.
    package static func list(_ options: inout Options) throws(OptionError) -> [Address] {
        let text = try options.required(
            "--target", "http://host:port[/prefix], or several, by commas")
        let hostHeader = options.text("--host-header")
        var addresses: [Address] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            addresses.append(try Address(String(part), hostHeader))
        }
        guard addresses.count <= limit else {
            throw OptionError("--target: allowed is at most \(limit) of them")
        }
        return addresses
    }

    private init(_ text: String, _ hostHeader: String?) throws(OptionError) {
        let scheme = "http://"
        var server = text
        var path = ""
        if text.hasPrefix(scheme),
            let slash = text.dropFirst(scheme.count).firstIndex(of: "/")
        {
            server = String(text[..<slash])
            path = String(text[slash...])
            while path.hasSuffix("/") { path.removeLast() }
        }
        target = try Target(server)
        prefix = path
        self.hostHeader = hostHeader ?? target.hostHeader
        for visible in [prefix, self.hostHeader]
        where !visible.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            throw OptionError("--target, --host-header: allowed is visible ASCII")
        }
    }

    /// As the command line gave it.
    package var text: String {
        let name = target.host.contains(":") ? "[\(target.host)]" : target.host
        return "http://\(name):\(target.port)\(prefix)"
    }
}
