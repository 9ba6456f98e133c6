import Bytes
import Options
import Testing
import Wire

@Suite struct ConfigurationTests {
    private func read(_ arguments: [String], _ environment: [String: String] = [:]) throws
        -> Configuration
    {
        let invocation = try CommandLineReader.read(arguments) { environment[$0] }
        guard case .serve(let configuration) = invocation else {
            throw ConfigurationError("not serving")
        }
        return configuration
    }

    @Test("flags win over the environment, which wins over defaults")
    func ordersSources() throws {
        #expect(try read([]) == Configuration())
        #expect(try read([], ["PORT": "81", "WINDOW_SIZE": ""]).port == 81)
        let both = try read(["--port=82", "--series-ttl", "90m"], ["PORT": "81"])
        #expect(both.port == 82)
        #expect(both.seriesTimeToLive == .seconds(5400))
    }

    @Test(
        "a bad value is one line that names it and the allowed range",
        arguments: [
            (["--port", "65536"], "--port: \"65536\" is not allowed; allowed is 0 to 65535"),
            (["--window-size", "1"], "allowed is 2 to 10000"),
            (["--window-size"], "--window-size: a value is missing"),
            (["--z-threshold", "nan"], "--z-threshold"),
            (["--idle-timeout", "60"], "a number with ms, s, m, h or d"),
            (["--idle-timeout", "-5s"], "--idle-timeout"),
            (["--store", "mysql://x"], "--store: \"mysql://x\" is not allowed"),
            (["--store", "redis://"], "redis://[user:password@]host"),
            (["--store", "redis://host:0"], "--store"),
            (["--store", "redis://a,b"], "--store"),
            (["--store", "redis-cluster://a/1"], "--store"),
            (["--redis-history", "100"], "--redis-history: \"100\" is not allowed"),
            (["--redis-mirror", "on"], "REDIS_MIRROR: \"on\" is not allowed with STORE memory"),
            (["--remote-write-cpu", "busy"], "REMOTE_WRITE_CPU: is allowed with REMOTE_WRITE_RPS"),
            (["--idempotency-keys", "16000001"], "allowed is 0 to 16000000"),
            (["--max-connection-age", "5ms"], "allowed is 0, or 10ms to 365d, a number with ms"),
            (["--max-connection-age", "1"], "--max-connection-age"),
            (["--log-level", "loud"], "allowed is debug, info, warning, error"),
            (["--prot", "1"], "--prot: unknown flag"), (["run"], "run: unknown flag"),
        ])
    func namesBadValues(_ arguments: [String], _ message: String) {
        var found = ""
        do { _ = try read(arguments) } catch { found = "\(error)" }
        #expect(found.contains(message), "\(found)")
        #expect(!found.contains("\n"))
    }

    @Test("a check asks the port of the environment, and a pause has a length")
    func readsCommands() throws {
        func invocation(_ words: [String], _ port: String? = nil) throws -> Invocation {
            try CommandLineReader.read(words) { $0 == "PORT" ? port : nil }
        }
        #expect(
            try invocation(["check"])
                == .check(host: "127.0.0.1", port: 8080, path: "/health", isSecure: false))
        #expect(
            try invocation(["check", "/ready"], "81")
                == .check(host: "127.0.0.1", port: 81, path: "/ready", isSecure: false))
        #expect(try invocation(["pause", "250ms"]) == .pause(.milliseconds(250)))
        for words in [["pause"], ["pause", "5"], ["pause", "2h"], ["pause", "1s", "1s"]] {
            #expect(throws: ConfigurationError.self) { try invocation(words) }
        }
        for words in [["check", "ready"], ["check", "/a b"], ["check", "/", "/"]] {
            #expect(throws: ConfigurationError.self) { try invocation(words) }
        }
        #expect(throws: ConfigurationError.self) { try invocation(["check"], "many") }
    }

    @Test("how many keys are remembered depends on the store, unless it is said")
    func countsKeys() throws {
        #expect(try read([]).keyLimit == 65_536)
        #expect(try read(["--store", "redis://a"]).keyLimit == 1_000_000)
        #expect(try read(["--idempotency-keys", "0"]).keyLimit == 0)
        let both = try read(["--idempotency-keys", "7", "--store", "redis://a"])
        #expect(both.keyLimit == 7)
    }

    @Test("a connection may have no greatest age")
    func readsAges() throws {
        #expect(try read([]).connectionAge == .seconds(600))
        #expect(try read(["--max-connection-age", "90s"]).connectionAge == .seconds(90))
        for off in ["0", "0s"] {
            #expect(try read(["--max-connection-age", off]).connectionAge == .seconds(0))
        }
    }

    @Test("an age is up to a fifth shorter or longer, by chance")
    func spreadsAges() throws {
        var random = SystemRandomNumberGenerator()
        let age = TimeSpan.seconds(600)
        let spans = (0..<1000).compactMap { _ in age.spread(using: &random)?.seconds }
        #expect(spans.count == 1000)
        #expect(spans.allSatisfy { (480...720).contains($0) })
        // That a thousand miss one of the two halves happens once in 2^999 times.
        #expect(spans.contains { $0 < 600 } && spans.contains { $0 > 600 })
        #expect(TimeSpan.seconds(0).spread(using: &random) == nil)
    }

    @Test("a token never shows in an error")
    func hidesTokens() {
        var found = ""
        do { _ = try read([], ["AUTH_TOKEN": "ok s\u{e9}cret"]) } catch { found = "\(error)" }
        #expect(found.contains("AUTH_TOKEN"))
        #expect(!found.contains("cret"))
    }

    @Test("tokens are separated by white space alone, and white space is no token")
    func readsTokens() throws {
        #expect(try read([], ["AUTH_TOKEN": " a,b\tc\n"]).authTokens == ["a,b", "c"])
        #expect(try read([], ["AUTH_TOKEN": ""]).authTokens == [])
        for text in [" ", "\n", "a \u{7}"] {
            #expect(throws: ConfigurationError.self) { try self.read([], ["READ_TOKEN": text]) }
        }
        let file = Array("one\r\n\n \ttwo \nthree".utf8)
        #expect(AccessToken.tokens(ofFile: file) == ["one", "two", "three"])
        #expect(AccessToken.tokens(ofFile: Array("one\ntwo three\n".utf8)) == nil)
        #expect(AccessToken.tokens(ofFile: []) == [])
    }

    @Test("a password in STORE never shows in an error")
    func hidesPasswords() {
        var found = ""
        do { _ = try read(["--store", "redis://:se cret@host:x"]) } catch { found = "\(error)" }
        #expect(found.contains("--store"))
        #expect(!found.contains("cret"))
    }

    @Test("STORE names a server, a database and who asks")
    func readsStores() throws {
        guard
            case .redis(let one) = try read(["--store", "redis://me:p%40ss@[::1]:7000/5"]).store,
            case .redis(let many) = try read(["--store", "redis-cluster://a:1,b"]).store
        else {
            Issue.record("not Redis")
            return
        }
        #expect(one.user == "me" && one.password == "p@ss" && one.database == 5)
        #expect(one.servers.map(\.host) == ["::1"] && one.servers.map(\.port) == [7000])
        #expect(!one.isCluster && many.isCluster)
        #expect(many.servers.map(\.host) == ["a", "b"] && many.servers.map(\.port) == [1, 6379])
    }

    @Test("spellings of STORE that people use are taken as they mean them, or refused by name")
    func readsSpellings() throws {
        for text in ["redis://a/", "redis://a:6379/0", "rediss://:p@a", "redis://u:p@a/"] {
            guard case .redis(let location) = try read(["--store", text]).store else {
                Issue.record("\(text)")
                continue
            }
            #expect(location.servers.map(\.host) == ["a"] && location.database == 0)
            #expect(location.isSecure == text.hasPrefix("rediss"))
        }
        for text in [
            "redis://a?ssl=true", "redis://a/0?ssl=true", "redis://a/?ssl=true", "redis://u:@a",
            "redis://:@a", "redis://u@a", "redis://", "redis://a/x", "redis://a,b",
            "redis-sentinel://a", "redis-sentinel://a/", "redis-cluster://a/1", "rediss+unix:/a",
        ] {
            var found = ""
            do { _ = try read(["--store", text]) } catch { found = "\(error)" }
            #expect(found.contains("--store") && found.contains("redis://"), "\(text): \(found)")
        }
    }

    @Test("--help lists every setting, with its flag")
    func helps() throws {
        #expect(try CommandLineReader.read(["--help"]) { _ in nil } == .help)
        for setting in Settings.all {
            #expect(CommandLineReader.help.contains("\(setting.name), \(setting.flag) "))
        }
    }
}
