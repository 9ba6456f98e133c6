/// The values that fields may have.

extension Double: JSONRepresentable {
    package var json: JSONNode { .number(self) }

    package init(json: JSONNode) throws(FieldError) {
        guard case .number(let value) = json else {
            throw FieldError(problem: "expected a number, found \(json.kind)")
        }
        self = value
    }
}

extension Int: JSONRepresentable {
    /// Whole numbers up to here are exact in a JSON number.
    private static let exactLimit = 9_007_199_254_740_992.0

    package var json: JSONNode { .number(Double(self)) }

    package init(json: JSONNode) throws(FieldError) {
        guard case .number(let value) = json, value == value.rounded(),
            value.magnitude <= Int.exactLimit
        else { throw FieldError(problem: "expected a whole number, found \(json.kind)") }
        self = Int(value)
    }
}

extension Bool: JSONRepresentable {
    package var json: JSONNode { .boolean(self) }

    package init(json: JSONNode) throws(FieldError) {
        guard case .boolean(let value) = json else {
            throw FieldError(problem: "expected true or false, found \(json.kind)")
        }
        self = value
    }
}

extension String: JSONRepresentable {
    package var json: JSONNode { .text(self) }

    package init(json: JSONNode) throws(FieldError) {
        guard case .text(let value) = json else {
            throw FieldError(problem: "expected a text, found \(json.kind)")
        }
        self = value
    }
}

/// Nil is written as null. Null, and a field that is not there, are read as nil.
extension Optional: JSONRepresentable where Wrapped: JSONRepresentable {
    package var json: JSONNode { self?.json ?? .null }
    package static var absent: Wrapped?? { .some(nil) }

    package init(json: JSONNode) throws(FieldError) {
        if case .null = json { self = nil } else { self = try Wrapped(json: json) }
    }
}

extension Array: JSONRepresentable where Element: JSONRepresentable {
    package var json: JSONNode { .list(map(\.json)) }

    package init(json: JSONNode) throws(FieldError) {
        guard case .list(let nodes) = json else {
            throw FieldError(problem: "expected a list, found \(json.kind)")
        }
        self = []
        reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            do throws(FieldError) { append(try Element(json: node)) } catch {
                throw error.inside(String(index))
            }
        }
    }
}

/// Written in the order of its names, so that the same values give the same bytes.
extension Dictionary: JSONRepresentable where Key == String, Value: JSONRepresentable {
    package var json: JSONNode {
        .object(
            sorted { $0.key < $1.key }.map { JSONNode.Member($0.key, $0.value.json) })
    }

    package init(json: JSONNode) throws(FieldError) {
        guard case .object(let members) = json else {
            throw FieldError(problem: "expected an object, found \(json.kind)")
        }
        self = [:]
        for member in members {
            do throws(FieldError) { self[member.name] = try Value(json: member.value) } catch {
                throw error.inside(member.name)
            }
        }
    }
}

/// Numbers of a column, of which some may not have been measured: null in JSON, NaN here.
package struct Column: JSONRepresentable, Equatable, Sendable {
    package var values: [Double]

    package init(_ values: [Double] = []) { self.values = values }

    package var json: JSONNode { .list(values.map { $0.isFinite ? .number($0) : .null }) }

    package init(json: JSONNode) throws(FieldError) {
        values = try [Double?](json: json).map { $0 ?? .nan }
    }

    /// Two columns are equal where the same values are missing, too.
    package static func == (left: Column, right: Column) -> Bool {
        left.values.count == right.values.count
            && zip(left.values, right.values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
    }
}

extension JSONRepresentable where Self: RawRepresentable<String> & CaseIterable {
    package var json: JSONNode { .text(rawValue) }

    package init(json: JSONNode) throws(FieldError) {
        let text = try String(json: json)
        guard let value = Self(rawValue: text) else {
            let allowed = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw FieldError(problem: "\"\(text)\" is not allowed; allowed is \(allowed)")
        }
        self = value
    }
}
