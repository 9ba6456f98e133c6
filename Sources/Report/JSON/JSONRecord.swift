/// Why a result can't be read: the field, and what is wrong with it.
package struct FieldError: Error, Equatable, CustomStringConvertible {
    /// Names from the top to the field, joined by dots; empty for the document itself.
    package let field: String
    package let problem: String

    package init(field: String = "", problem: String) {
        self.field = field
        self.problem = problem
    }

    package var description: String { field.isEmpty ? problem : "\(field): \(problem)" }

    /// The same error as the object around it sees it.
    func inside(_ name: String) -> FieldError {
        FieldError(field: field.isEmpty ? name : "\(name).\(field)", problem: problem)
    }
}

/// A value that can stand in a result's JSON.
package protocol JSONRepresentable {
    var json: JSONNode { get }
    init(json: JSONNode) throws(FieldError)
    /// What a field counts as that is not in the document; nil where it must be there.
    static var absent: Self? { get }
}

extension JSONRepresentable {
    package static var absent: Self? { nil }
}

/// Is shown the fields of a record one after the other: to write them or to read them.
package protocol FieldVisitor {
    associatedtype Failure: Error
    mutating func field<Value: JSONRepresentable>(_ name: String, _ value: inout Value)
        throws(Failure)
}

extension FieldVisitor {
    /// A field that results of earlier versions do not have.
    /// - Parameter standard: what it counts as where it is not in the document.
    mutating func field<Value: JSONRepresentable>(
        _ name: String, _ value: inout Value, ifMissing standard: Value
    ) throws(Failure) {
        var given: Value? = value
        try field(name, &given)
        value = given ?? standard
    }
}

/// An object of JSON with fields that are known: `visit` lists them once, for writing and reading.
package protocol JSONRecord: JSONRepresentable {
    init()
    mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor) throws(Visitor.Failure)
}

extension JSONRecord {
    package var json: JSONNode {
        var record = self
        var writer = FieldWriter()
        record.visit(&writer)
        return .object(writer.members)
    }

    package init(json: JSONNode) throws(FieldError) {
        guard case .object = json else {
            throw FieldError(problem: "expected an object, found \(json.kind)")
        }
        self.init()
        var reader = FieldReader(object: json)
        try visit(&reader)
    }
}

private struct FieldWriter: FieldVisitor {
    typealias Failure = Never
    var members: [JSONNode.Member] = []

    mutating func field<Value: JSONRepresentable>(_ name: String, _ value: inout Value) {
        members.append(JSONNode.Member(name, value.json))
    }
}

private struct FieldReader: FieldVisitor {
    typealias Failure = FieldError
    let object: JSONNode

    func field<Value: JSONRepresentable>(_ name: String, _ value: inout Value)
        throws(FieldError)
    {
        do throws(FieldError) {
            if let node = object[name] {
                value = try Value(json: node)
            } else if let fallback = Value.absent {
                value = fallback
            } else {
                throw FieldError(problem: "is missing")
            }
        } catch {
            throw error.inside(name)
        }
    }
}
