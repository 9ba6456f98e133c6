/// Runs of one plan, one after the other: what `run --repeat` writes.
package struct RunSet: JSONRecord, Equatable, Sendable {
    package static let kind = "runs"

    package var runs: [RunResult] = []

    package init() {}

    package init(_ runs: [RunResult]) { self.runs = runs }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var kind = RunSet.kind
        try fields.field("kind", &kind)
        try fields.field("runs", &runs)
    }

    /// The middle value of each number that all runs have.
    package var medians: Measurements {
        var medians = Measurements()
        let all = runs.map { Measurements($0.json) }
        for name in all.first?.values.keys.sorted() ?? [] {
            let values = all.compactMap { $0[name] }
            if values.count == all.count { medians[name] = median(values) }
        }
        return medians
    }
}
