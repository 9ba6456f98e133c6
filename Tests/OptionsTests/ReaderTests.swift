import Bytes
import Testing

@testable import Options

/// The readers that every command line and configuration shares.
@Suite struct ReaderTests {
    @Test(
        "a length of time is read with each of its units",
        arguments: [
            ("500ms", 500), ("1.5s", 1500), ("5m", 300_000), ("1h", 3_600_000),
            ("30d", 2_592_000_000), ("0s", 0), (".5s", 500),
        ])
    func readsDurations(_ text: String, _ milliseconds: Int) {
        #expect(Duration.parse(text) == .milliseconds(milliseconds))
    }

    @Test(
        "what is no length of time is refused",
        arguments: [
            "", "5", "s", "-1s", "+1s", "1e3s", "0x10s", "nans", "infs", "1 s", "1.2.3s", "5w",
            "99999999999d",
        ])
    func refusesDurations(_ text: String) {
        #expect(Duration.parse(text) == nil)
    }

    @Test(
        "a length of time is written so that it reads back",
        arguments: ["0s", "1ms", "1500ms", "90s", "1h", "24h", "36h", "30d"])
    func writesDurations(_ text: String) throws {
        #expect(Duration.text(try #require(Duration.parse(text))) == text)
    }

    @Test("a server is a name, an address or an address in brackets, with a port or without")
    func readsServers() {
        #expect(HostPort("a.b", defaultPort: 80) == HostPort(host: "a.b", port: 80))
        #expect(HostPort("a:1", defaultPort: 80) == HostPort(host: "a", port: 1))
        #expect(HostPort("[::1]", defaultPort: 80) == HostPort(host: "::1", port: 80))
        #expect(HostPort("[::1]:65535", defaultPort: 80)?.text == "[::1]:65535")
        #expect(HostPort("10.0.0.1:8080", defaultPort: 80)?.text == "10.0.0.1:8080")
    }

    @Test(
        "what names no server is refused",
        arguments: [
            "", ":80", "a:", "a:0", "a:65536", "a:+5", "a:1x", "::1", "[::1", "[]:1", "[::1]x",
            "[a]:1", "a b", "a/b", "a@b", "a:1:2", "ä",
        ])
    func refusesServers(_ text: String) {
        #expect(HostPort(text, defaultPort: 80) == nil)
    }

    @Test("a URL comes apart into its parts, and a password may hold what it likes")
    func readsLocations() throws {
        let one = try #require(Location("redis://us%40er:p/a@h:1/3"))
        #expect(one.scheme == "redis" && one.userInfo == "us%40er:p/a")
        #expect(one.authority == "h:1" && one.path == "/3")
        let many = try #require(Location("redis-cluster://a:1,[::1]:2"))
        #expect(many.servers(defaultPort: 6379)?.map(\.text) == ["a:1", "[::1]:2"])
        #expect(Location("redis://a:1,,b")?.servers(defaultPort: 1) == nil)
        #expect(Location("HTTP://x")?.scheme == "http")
        for text in ["", "a", "://a", "http://", "http:///x", "h ttp://a"] {
            #expect(Location(text) == nil, "\(text)")
        }
    }

    @Test("a service's URL gives its port by its scheme, its prefix and its Host header")
    func readsServices() throws {
        let plain = try ServiceURL("http://a.b/api//", flag: "--target")
        #expect(plain.server.port == 80 && plain.prefix == "/api" && plain.hostHeader == "a.b")
        let secure = try ServiceURL("https://[::1]", flag: "--target")
        #expect(secure.isSecure && secure.server.port == 443 && secure.hostHeader == "[::1]")
        let other = try ServiceURL("http://a:443", flag: "--target")
        #expect(other.hostHeader == "a:443" && other.text == "http://a:443")
        for text in ["a:1", "ftp://a", "http://", "http://u:p@a", "http://a:0", "http://a/?x"] {
            #expect(throws: OptionError.self, "\(text)") {
                try ServiceURL(text, flag: "--target")
            }
        }
    }

    @Test("percent-encoding is undone, and what is broken is refused")
    func decodes() {
        #expect(PercentEncoding.decode("a%20b%C3%A4+") == "a bä+")
        #expect(PercentEncoding.decode("%ff") == nil)
        for text in ["%", "%4", "%zz", "a%4"] { #expect(PercentEncoding.decode(text) == nil) }
        #expect(
            PercentEncoding.decode(Array("a+b%2B".utf8).span, plusIsSpace: true)
                == Array("a b+".utf8))
    }

    @Test("flags take their value from either side of the equals sign, switches take none")
    func readsFlags() throws {
        var options = try Options(
            ["--a", "1", "--b=2=3", "x", "--c", "--d=", "y"], switches: ["--c"])
        #expect(options.text("--a") == "1" && options.text("--b") == "2=3")
        #expect(options.isSet("--c") && options.text("--d") == "")
        #expect(options.operands == ["x", "y"])
        try options.expectNothingElse()
        for wrong in [["--a", "1", "--a", "2"], ["--c=1"]] {
            #expect(throws: OptionError.self) { try Options(wrong, switches: ["--c"]) }
        }
        let unknown = try Options(["--e", "1"], switches: [])
        #expect(throws: OptionError("--e: unknown flag; see --help")) {
            try unknown.expectNothingElse()
        }
        let last = try Options(["-x"], switches: [])
        #expect(throws: OptionError.self) { try last.expectNothingElse() }
    }

    @Test("a length of time given as a flag may be hours, and one out of range is told so")
    func readsDurationFlags() throws {
        var options = try Options(["--t", "1h", "--u", "2d"], switches: [])
        #expect(try options.seconds("--t", 0, in: 0.1...86_400) == 3600)
        let message =
            "--u: \"2d\" is not allowed; allowed is 100ms to 24h, a number with ms, s, m, h or d"
        #expect(throws: OptionError(message)) {
            try options.seconds("--u", 0, in: 0.1...86_400)
        }
    }
}
