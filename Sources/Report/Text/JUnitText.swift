/// Thresholds as a JUnit file, which CI systems show as tests.
package struct JUnitText {
    private let suite: String
    private let report: ThresholdReport
    /// Why the result can't be relied on.
    private let doubts: [String]
    private let seconds: Double

    package init(suite: String, report: ThresholdReport, doubts: [String], seconds: Double = 0) {
        self.suite = suite
        self.report = report
        self.doubts = doubts
        self.seconds = seconds
    }

    package var text: String {
        let failures = report.short.count + (doubts.isEmpty ? 0 : 1)
        let name = SVGPicture.escaped(suite)
        let cases = report.lines.map { line in
            testCase(line.text, failure: line.outcome == .held ? nil : line.detail)
        }
        let trust = testCase(
            "the run can be relied on",
            failure: doubts.isEmpty ? nil : doubts.joined(separator: "; "))
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuite name="\(name)" tests="\(report.lines.count + 1)" failures="\(failures)" \
            errors="0" skipped="0" time="\(seconds.shortText)">
            \((cases + [trust]).joined(separator: "\n"))
            </testsuite>

            """
    }

    private func testCase(_ name: String, failure: String?) -> String {
        let head =
            "  <testcase classname=\"\(SVGPicture.escaped(suite))\" "
            + "name=\"\(SVGPicture.escaped(name))\""
        guard let failure else { return head + "/>" }
        return head + "><failure message=\"\(SVGPicture.escaped(failure))\"/></testcase>"
    }
}
