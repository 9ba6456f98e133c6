import Report
import Testing

private func row(_ cell: String) -> String {
    var table = MarkdownTable(["name", "n"])
    table.add([cell, "1"])
    return String(table.text.split(separator: "\n", maxSplits: 2)[2])
}

@Suite struct MarkdownTableTests {
    @Test("the first column stands left, the others right")
    func aligns() {
        var table = MarkdownTable(["measure", "value", "unit"])
        table.add(["p95", "1.5", "ms"])
        table.add(["rate", "", "1/s"])
        #expect(
            table.text == """
                | measure | value | unit |
                | --- | ---: | ---: |
                | p95 | 1.5 | ms |
                | rate |  | 1/s |

                """)
    }

    @Test("a table without rows is its head")
    func isEmpty() {
        #expect(MarkdownTable(["a"]).text == "| a |\n| --- |\n")
    }

    @Test(
        "every bar in a cell is kept, as text and not as a border",
        arguments: [
            ("a|b", #"a\|b"#), ("|", #"\|"#), ("||", #"\|\|"#), ("|a", #"\|a"#), ("a|", #"a\|"#),
            ("a||b", #"a\|\|b"#), ("", ""), ("|\u{301}", "\\|\u{301}"),
        ])
    func escapesBars(_ cell: String, _ shown: String) {
        #expect(row(cell) == "| \(shown) | 1 |\n")
    }

    @Test("a line break in a cell does not end its row", arguments: ["a\nb", "a\r\nb", "a\rb"])
    func keepsOneLine(_ cell: String) {
        #expect(row(cell) == "| a b | 1 |\n")
    }

    @Test("a bar in a title is text too")
    func escapesTitles() {
        #expect(MarkdownTable(["a|b"]).text.hasPrefix("| a\\|b |\n"))
    }
}

@Suite struct ShortTextTests {
    @Test(
        "numbers are as short as people read them",
        arguments: [
            (0.0, "0"), (-0.0, "0"), (1, "1"), (-7, "-7"), (0.5, "0.5"), (2.0005, "2.001"),
            (0.9994, "0.999"), (0.9996, "1"), (-0.9996, "-1"), (0.01, "0.01"), (0.0099, "0.0099"),
            (0.0000004, "0"), (0.000001, "0.000001"), (12_345.678_9, "12345.679"),
            (1e14, "100000000000000"),
            (-1e-9, "0"),
        ])
    func shortens(_ value: Double, _ text: String) {
        #expect(value.shortText == text)
    }

    @Test("no number is too large, too small or too odd to be shown")
    func showsExtremes() {
        #expect(Double.nan.shortText == "none")
        #expect(Double.infinity.shortText == "none")
        let large: [Double] = [
            .greatestFiniteMagnitude, 1e15, 1e16, 0x1p62, 0x1p63, 1e12 + 0.5, 999_999_999_999.5,
        ]
        for value in large {
            #expect(Double(value.shortText) == value, "\(value)")
            #expect(Double((-value).shortText) == -value, "\(value)")
        }
        #expect(Double.leastNonzeroMagnitude.shortText == "0")
    }

    @Test("what is shown is within half a unit of its last place")
    func isClose() {
        for step in -40_000...40_000 {
            let value = Double(step) * 0.000_37
            let tolerance = value.magnitude < 0.01 ? 0.5e-6 : 0.5e-3
            let shown = Double(value.shortText) ?? .nan
            #expect(abs(shown - value) <= tolerance * 1.000_001, "\(value)")
        }
    }

    @Test("a share is shown in percent")
    func showsShares() {
        #expect(0.0.percentText == "0 %")
        #expect(0.125.percentText == "12.5 %")
        #expect(1.0.percentText == "100 %")
    }
}
