import Foundation
import TestSupport

/// The files that k8s/monitoring deploys.
enum MonitoringFiles {
    static let folder = "k8s/monitoring"
    static let rulesPath = "\(folder)/rules/tidemark.yml"

    struct Alert {
        let name: String
        let expression: String
        let labels: Document
        let annotations: Document
    }

    static func rules() throws -> [Document] {
        try Document.yaml(rulesPath)["groups"].list.flatMap { $0["rules"].list }
    }

    static func alerts() throws -> [Alert] {
        try rules().filter { !$0["alert"].isMissing }.map {
            Alert(
                name: $0["alert"].text, expression: $0["expr"].text, labels: $0["labels"],
                annotations: $0["annotations"])
        }
    }

    /// What the rules record, by name.
    static func records() throws -> Set<String> {
        Set(try rules().map { $0["record"].text }.filter { !$0.isEmpty })
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(Programs.root)/\(path)", encoding: .utf8)
    }
}

/// One query of one panel.
struct PanelQuery {
    let dashboard: String
    let panel: String
    let expression: String

    /// The expression as Grafana would send it, for a scrape interval of `scrapeSeconds`.
    func substituted() -> String {
        // Grafana's $__rate_interval is four scrapes or more, and the data source says 15 s.
        expression.replacingOccurrences(of: "$__rate_interval", with: "1m")
            .replacingOccurrences(of: "$__range", with: "1h")
            .replacingOccurrences(of: "$instance", with: ".*")
    }
}

/// The dashboards that are deployed, by file name.
struct Dashboard {
    let file: String
    let content: Document

    static func all() throws -> [Dashboard] {
        let folder = "\(MonitoringFiles.folder)/dashboards"
        return try FileManager.default.contentsOfDirectory(atPath: "\(Programs.root)/\(folder)")
            .filter { $0.hasSuffix(".json") }.sorted()
            .map { Dashboard(file: $0, content: try Document.json("\(folder)/\($0)")) }
    }

    /// Everything that shows something; rows are headings.
    var panels: [Document] { content["panels"].list.filter { $0["type"].text != "row" } }

    var queries: [PanelQuery] {
        panels.flatMap { panel in
            panel["targets"].list.map {
                PanelQuery(
                    dashboard: file, panel: panel["title"].text, expression: $0["expr"].text)
            }
        }
    }
}

/// Names of metrics in an expression of PromQL.
enum Expression {
    private static let words: Set<String> = [
        "and", "or", "unless", "bool", "offset", "by", "on", "without", "ignoring", "group_left",
        "group_right", "inf", "nan",
    ]

    /// What is neither quoted, nor a matcher, a range, a list of labels, a function or a keyword.
    static func metricNames(_ expression: String) -> Set<String> {
        var text = expression
        for pattern in [
            #""(\\.|[^"\\])*""#, #"\{[^}]*\}"#, #"\[[^\]]*\]"#,
            #"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)"#,
        ] {
            text = text.replacingOccurrences(of: pattern, with: " ", options: .regularExpression)
        }
        var names: Set<String> = []
        var rest = text[...]
        let name = #"[a-zA-Z_:][a-zA-Z0-9_:]*"#
        while let range = rest.range(of: name, options: .regularExpression) {
            let before =
                range.lowerBound == text.startIndex
                ? nil : text[text.index(before: range.lowerBound)]
            let after = text[range.upperBound...].first { !$0.isWhitespace }
            let word = String(rest[range])
            // Behind a digit it is a number's end: 1e3, 5m.
            let isNumber = before?.isNumber ?? false
            if after != "(", !isNumber, !words.contains(word) { names.insert(word) }
            rest = rest[range.upperBound...]
        }
        return names
    }
}
