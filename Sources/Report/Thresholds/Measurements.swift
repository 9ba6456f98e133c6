/// Named numbers that thresholds are about; nested names are joined by dots: `latency_ms.p95`.
package struct Measurements: Equatable, Sendable {
    package private(set) var values: [String: Double] = [:]

    package init() {}

    /// The numbers of a document, true as 1 and false as 0. Objects in a list are named by their
    /// place; texts, nulls and plain lists are passed over.
    package init(_ node: JSONNode) { add(node, prefix: "") }

    package subscript(name: String) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Adds the numbers of a result, its name before theirs.
    package mutating func add(_ other: Measurements, as name: String) {
        for (number, value) in other.values { self["\(name).\(number)"] = value }
    }

    private mutating func add(_ node: JSONNode, prefix: String) {
        guard case .object(let members) = node else { return }
        for member in members { add(member.value, as: prefix + member.name) }
    }

    private mutating func add(_ value: JSONNode, as name: String) {
        switch value {
        case .number(let number): values[name] = number
        case .boolean(let isTrue): values[name] = isTrue ? 1 : 0
        case .object: add(value, prefix: name + ".")
        case .list(let list):
            for (place, element) in list.enumerated() {
                if case .number = element { continue }
                add(element, as: "\(name).\(place)")
            }
        case .null, .text: break
        }
    }
}
