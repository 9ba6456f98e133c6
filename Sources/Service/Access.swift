internal import Bytes
internal import HTTP
internal import Synchronization
internal import System
internal import Wire

/// The tokens that let clients in. A loop has its own copy.
struct AccessTokens: Sendable, Equatable {
    /// For POST; none lets everybody in.
    var post: [[UInt8]] = []
    /// For GET beside those; none lets everybody in.
    var read: [[UInt8]] = []

    func allowsPost(_ header: Span<UInt8>) -> Bool {
        post.isEmpty || AccessToken.matches(header, post)
    }

    func allowsRead(_ header: Span<UInt8>) -> Bool {
        read.isEmpty || AccessToken.matches(header, read) || AccessToken.matches(header, post)
    }
}

/// From which page a request comes.
enum PageOrigin: Equatable {
    /// From no page of a browser, or from a page of this service.
    case own
    /// From a page that CORS_ORIGINS names: its place there.
    case allowed(Int)
    case foreign
}

/// Who may do what, and from where: the address that is listened at, tokens, pages of other sites,
/// proxies that are believed.
final class Access: Sendable {
    /// Origins whose pages are let in; `*` for all.
    let origins: [String]
    /// Where clients are listened to; nil for all addresses of the machine.
    let address: PeerAddress?
    private let ownOrigin: WebOrigin?
    private let proxies: [AddressRange]
    private let configuration: Configuration
    private let tokens: Mutex<AccessTokens>
    private let changes = Atomic<Int>(0)
    private let files: WatchedFiles

    init(_ configuration: Configuration) throws(ConfigurationError) {
        self.configuration = configuration
        origins = configuration.corsOrigins
        if configuration.bindAddress == "*" {
            address = nil
        } else if let found = PeerAddress(configuration.bindAddress) {
            address = found
        } else {
            throw ConfigurationError(
                "BIND: \"\(configuration.bindAddress.prefix(80))\" is not allowed; allowed is * or "
                    + "an address of this machine, such as 127.0.0.1, 0.0.0.0 or ::1")
        }
        ownOrigin = WebOrigin(url: configuration.externalURL)
        var proxies: [AddressRange] = []
        for text in configuration.trustedProxies {
            guard let range = AddressRange(text) else {
                throw ConfigurationError(
                    "TRUSTED_PROXIES: \"\(text.prefix(80))\" is not allowed; allowed is an address "
                        + "range such as 10.0.0.0/8, fd00::/8 or 127.0.0.1")
            }
            proxies.append(range)
        }
        self.proxies = proxies
        files = WatchedFiles(
            [configuration.authTokenFile, configuration.readTokenFile].filter { !$0.isEmpty })
        tokens = Mutex(try Access.tokens(configuration))
    }

    // MARK: Tokens

    /// Changes with the tokens.
    var version: Int { changes.load(ordering: .acquiring) }
    var currentTokens: AccessTokens { tokens.withLock { $0 } }
    var hasFiles: Bool { !files.isEmpty }

    /// Reads the token files again if they have changed. A file that cannot be read, or holds no
    /// token, changes nothing.
    func readAgain(isForced: Bool = false) {
        guard files.haveChanged() || isForced else { return }
        do throws(ConfigurationError) {
            let fresh = try Access.tokens(configuration)
            let isOther = tokens.withLock { before in
                defer { before = fresh }
                return before != fresh
            }
            guard isOther else { return }
            changes.add(1, ordering: .releasing)
            Log.info("the token files were read again")
        } catch {
            Log.warning("\(error.description); the tokens before stay")
        }
    }

    private static func tokens(
        _ configuration: Configuration
    ) throws(ConfigurationError) -> AccessTokens {
        var tokens = AccessTokens()
        tokens.post =
            (configuration.authTokens
            + (try fileTokens(configuration.authTokenFile, "AUTH_TOKEN_FILE"))).map {
                Array($0.utf8)
            }
        tokens.read =
            (configuration.readTokens
            + (try fileTokens(configuration.readTokenFile, "READ_TOKEN_FILE"))).map {
                Array($0.utf8)
            }
        return tokens
    }

    private static func fileTokens(
        _ path: String, _ setting: String
    ) throws(ConfigurationError) -> [String] {
        guard !path.isEmpty else { return [] }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Files.read(path)
        } catch {
            throw ConfigurationError("\(setting): \(error.description)")
        }
        guard let tokens = AccessToken.tokens(ofFile: bytes), !tokens.isEmpty else {
            throw ConfigurationError(
                "\(setting): \(path): allowed is a token of 1 to 1024 visible ASCII characters in "
                    + "each line, and at least one")
        }
        return tokens
    }

    // MARK: Pages

    /// Where the page is from that makes a browser send a request.
    func origin(of head: RequestHead, _ bytes: Span<UInt8>) -> PageOrigin {
        guard !head.origin.isEmpty else { return .own }
        let text = Access.text(head.origin, bytes)
        if let place = origins.firstIndex(where: { $0 == "*" || $0 == text.lowercased() }) {
            return .allowed(place)
        }
        guard let origin = WebOrigin(url: text), origin.text == text.lowercased() else {
            return .foreign
        }
        if let ownOrigin { return origin == ownOrigin ? .own : .foreign }
        return origin.isOf(host: Access.text(head.host, bytes)) ? .own : .foreign
    }

    private static func text(_ range: ByteRange, _ bytes: Span<UInt8>) -> String {
        let part = bytes.extracting(range)
        return String(decoding: part.indices.map { part[$0] }, as: UTF8.self)
    }

    // MARK: Proxies

    /// Whether a proxy is believed about whom it speaks for.
    func trusts(_ peer: PeerAddress) -> Bool {
        !proxies.isEmpty && proxies.contains { $0.holds(peer) }
    }

    /// Who sent a request: the last address that a trusted proxy names and that is none itself.
    /// - Returns: nil for a trusted proxy that speaks for nobody: it has no quota.
    func client(
        of peer: PeerAddress, _ head: RequestHead, _ bytes: Span<UInt8>
    ) -> PeerAddress? {
        guard trusts(peer) else { return peer }
        // Several headers form one list: a proxy may add its own behind that of another one.
        let names = head.values(of: "x-forwarded-for", in: bytes)
            .flatMap { Access.text($0, bytes).split(separator: ",") }
        for name in names.reversed() {
            let word = name.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
            // What cannot be read is not believed further.
            guard let address = PeerAddress(forwarded: String(word)) else { return nil }
            if !trusts(address) { return address }
        }
        return nil
    }
}
