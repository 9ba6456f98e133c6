package import Bytes

/// Named numbers read from a report's JSON; nested names are joined by dots: `latency_ms.p95`.
package struct Measurements: Equatable, Sendable {
    package private(set) var values: [String: Double] = [:]

    package init() {}

    package subscript(name: String) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Adds the numbers and booleans (as 1 and 0) of a JSON object; texts are passed over.
    package mutating func add(_ json: Span<UInt8>) throws(JSONError) {
        values.merge(try Document(json).numbers) { $1 }
    }
}
