import Foundation
import TestSupport
import Testing

/// What this build says of recorded samples, beside what was said when they were recorded: no
/// change of the detector goes unseen. `scripts/record-verdicts` records anew.
@Suite struct RecordedVerdictTests {
    private static let recorded = "\(Programs.root)/Tests/ServiceTests/Recorded"

    private let folder: TemporaryFolder
    private var file: String { folder.path + "/recorded.db" }

    init() throws {
        folder = try TemporaryFolder()
        let samples = folder.path + "/samples"
        let unpacked = try Programs.run(
            "zstd", ["-dq", RecordedVerdictTests.recorded + "/samples.ndjson.zst", "-o", samples])
        guard unpacked.status == 0 else { throw Failure("scripts/setup test; \(unpacked.output)") }
        let imported = try tidemark("log", "import", file, samples)
        #expect(imported.output.contains("1680 samples stored, 0 bad"), "\(imported.output)")
    }

    private func tidemark(_ words: String...) throws -> (status: Int32, output: String) {
        try Programs.run(Programs.folder + "/tidemark", words)
    }

    /// A program that answers with the recorded verdicts, changed by sed.
    private func other(_ change: String, status: Int = 0) throws -> String {
        let path = folder.path + "/other-\(UUID().uuidString)"
        let verdicts = RecordedVerdictTests.recorded + "/verdicts.csv.zst"
        let text = "#!/bin/sh\nzstd -dcq '\(verdicts)' | sed '\(change)'\nexit \(status)\n"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    @Test("recorded samples are judged as they were")
    func isUnchanged() throws {
        let (status, output) = try tidemark("diff", file, "--with", other(""))
        #expect(status == 0, "scripts/record-verdicts, where this is meant:\n\(output)")
        #expect(output.contains("judged by both, 0 verdicts differ"), "\(output)")
    }

    @Test("one verdict that differs is counted and shown, and an alert is told by its device")
    func findsOne() throws {
        let (status, output) = try tidemark("diff", file, "--with", other("2900s/^0/1/"))
        #expect(status == 1)
        #expect(output.contains(" 1 verdicts differ"), "\(output)")
        #expect(output.contains("| alerts of the other | here | new | gone | moved |"))
        #expect(output.contains("| trending | 420 | 2 | 1 | 0 | 1 | 0 |"), "\(output)")
        #expect(output.contains("other: 1,0,"), "\(output)")
    }

    @Test("a program that cannot be compared with is named")
    func refuses() throws {
        for (program, words) in [
            ("/nowhere/tidemark", "start"), ("/bin/false", "it has no log judge"),
            (try other("1s/^/x/"), "it has no log judge"),
            (try other("100,$d"), "differ"),
            (try other("", status: 3), "it ended with 3"),
            (try other("$p"), "it judged more samples"),
        ] {
            let (status, output) = try tidemark("diff", file, "--with", program)
            #expect(status == 1 && output.contains(words), "\(program): \(output)")
        }
    }
}
