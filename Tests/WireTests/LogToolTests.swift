import Testing

@testable import Wire

@Suite struct LogToolTests {
    private func tool(_ words: String...) throws -> LogTool? {
        guard case .tool(let tool, _) = try CommandLineReader.read(words, environment: { _ in nil })
        else { return nil }
        return tool
    }

    private func fault(_ words: String...) -> String? {
        do {
            _ = try CommandLineReader.read(words, environment: { _ in nil })
            return nil
        } catch {
            return error.description
        }
    }

    @Test("each tool is read with its operands, and the path as STORE names it")
    func reads() throws {
        #expect(try tool("log", "stats", "a.db") == .stats("a.db"))
        #expect(try tool("log", "verify", "file:/x/a.db") == .verify("/x/a.db"))
        #expect(try tool("log", "backup", "a.db", "b.db") == .backup("a.db", to: "b.db"))
        #expect(try tool("log", "compact", "a.db") == .compact("a.db"))
        #expect(try tool("log", "recover", "a.db", "b.db") == .recover("a.db", to: "b.db"))
        #expect(
            try tool("log", "export", "a.db") == .export("a.db", device: nil, format: .ndjson))
        #expect(
            try tool("log", "export", "--device", "x", "a.db", "--format=csv")
                == .export("a.db", device: "x", format: .csv))
        #expect(try tool("log", "import", "a.db") == .importFrom("a.db", source: nil))
        #expect(try tool("log", "import", "a.db", "s") == .importFrom("a.db", source: "s"))
        var changes = BacktestChanges()
        changes.alertThreshold = 6
        changes.windowSize = 30
        #expect(
            try tool("backtest", "a.db", "--alert-threshold", "6", "--window-size=30")
                == .backtest("a.db", changes))
    }

    @Test("what is wrong is named with what is allowed")
    func refuses() {
        #expect(fault("log")?.contains("one of stats, export") == true)
        #expect(fault("log", "frob", "a")?.contains("one of stats, export") == true)
        #expect(fault("log", "stats")?.contains("a path is wanted") == true)
        #expect(fault("log", "stats", "a", "b")?.contains("a path is wanted") == true)
        #expect(fault("log", "backup", "a")?.contains("two paths are wanted") == true)
        #expect(fault("log", "stats", "--device", "x", "a")?.contains("unknown flag") == true)
        #expect(fault("log", "export", "a", "--format", "xml")?.contains("ndjson or csv") == true)
        #expect(fault("log", "export", "a", "--device")?.contains("a value is missing") == true)
        #expect(fault("backtest", "--alert-threshold", "6")?.contains("a path") == true)
        #expect(fault("backtest", "a")?.contains("a setting to change") == true)
        #expect(fault("backtest", "a", "b", "--min-samples", "5")?.contains("one path") == true)
        #expect(fault("backtest", "a", "--port", "5")?.contains("--alert-threshold") == true)
        #expect(fault("backtest", "a", "--alert-threshold", "0")?.contains("0.1 to 1000") == true)
    }
}
