internal import Bytes

/// A result's file, read into the type that its `kind` names.
package enum ResultFile: Equatable, Sendable {
    case run(RunResult)
    /// The same run several times.
    case runs(RunSet)
    case search(SearchResult)
    case score(ScoreResult)
    case accuracy(AccuracyResult)
    /// Somebody else's numbers: a gate can hold them against thresholds, no report shows them.
    case numbers(JSONNode)

    /// - Throws: an error that names the field, or the byte where the document is no JSON.
    package init(_ json: Span<UInt8>) throws(FieldError) {
        let node = try JSONNode(file: json)
        guard case .text(let kind)? = node["kind"] else {
            self = .numbers(node)
            return
        }
        switch kind {
        case RunResult.kind: self = .run(try RunResult(json: node))
        case RunSet.kind: self = .runs(try RunSet(json: node))
        case SearchResult.kind: self = .search(try SearchResult(json: node))
        case ScoreResult.kind: self = .score(try ScoreResult(json: node))
        case AccuracyResult.kind: self = .accuracy(try AccuracyResult(json: node))
        default: self = .numbers(node)
        }
    }

    /// What the file holds, in words.
    package var content: String {
        switch self {
        case .run: "a run"
        case .runs: "repeated runs"
        case .search: "a search for the highest rate"
        case .score, .accuracy: "judged verdicts"
        case .numbers: "numbers of no known kind"
        }
    }

    /// The runs in it, the confirming run of a search among them.
    package var runs: [RunResult] {
        switch self {
        case .run(let run): [run]
        case .runs(let set): set.runs
        case .search(let search): search.confirmation.map { [$0] } ?? []
        case .score, .accuracy, .numbers: []
        }
    }

    /// The numbers by the names that thresholds use; of repeated runs the middle ones.
    package var measurements: Measurements {
        switch self {
        case .run(let run): Measurements(run.json)
        case .runs(let set): set.medians
        case .search(let search): Measurements(search.json)
        case .score(let score): Measurements(score.json)
        case .accuracy(let accuracy): Measurements(accuracy.collections.json)
        case .numbers(let node): Measurements(node)
        }
    }
}

extension JSONNode {
    /// Reads a file whose top is an object; the error says at which byte it is none.
    package init(file json: Span<UInt8>) throws(FieldError) {
        do throws(JSONError) { self = try JSONNode(object: json) } catch {
            throw FieldError(problem: "\(error.problem.description) at byte \(error.offset)")
        }
    }
}
