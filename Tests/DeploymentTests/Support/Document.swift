import Foundation
import TestSupport

/// A value of a YAML or JSON file, asked by path: `file["spec"]["rules"][0]["name"].text`. What is
/// not there is `.missing`, all the way down, so that a test says what it found instead of
/// trapping.
indirect enum Document {
    case missing
    case scalar(Any)
    case list([Document])
    case map([String: Document])

    /// - Parameter path: below the project's folder.
    static func yaml(_ path: String) throws -> Document {
        let documents = try yamlDocuments(path)
        guard documents.count == 1 else {
            throw Failure("\(path) holds \(documents.count) documents")
        }
        return documents[0]
    }

    /// Every document of a YAML file, read by the YAML reader that the machine has.
    static func yamlDocuments(_ path: String) throws -> [Document] {
        let program = """
            import json, sys, yaml
            with open(sys.argv[1], encoding="utf-8") as file:
                json.dump([d for d in yaml.safe_load_all(file) if d is not None], sys.stdout)
            """
        let full = "\(Programs.root)/\(path)"
        let (status, output) = try Programs.run("python3", ["-c", program, full])
        guard status == 0 else { throw Failure("\(path): \(output)") }
        return try Document(json: Data(output.utf8)).list
    }

    static func json(_ path: String) throws -> Document {
        try Document(json: Data(contentsOf: URL(fileURLWithPath: "\(Programs.root)/\(path)")))
    }

    init(json: Data) throws {
        self.init(try JSONSerialization.jsonObject(with: json, options: .fragmentsAllowed))
    }

    init(_ value: Any) {
        switch value {
        case let list as [Any]: self = .list(list.map { Document($0) })
        case let map as [String: Any]: self = .map(map.mapValues { Document($0) })
        case is NSNull: self = .missing
        default: self = .scalar(value)
        }
    }

    subscript(_ key: String) -> Document {
        get {
            guard case .map(let map) = self else { return .missing }
            return map[key] ?? .missing
        }
        set {
            guard case .map(var map) = self else { return }
            map[key] = newValue
            self = .map(map)
        }
    }

    subscript(_ index: Int) -> Document {
        get {
            guard case .list(let list) = self, list.indices.contains(index) else { return .missing }
            return list[index]
        }
        set {
            guard case .list(var list) = self, list.indices.contains(index) else { return }
            list[index] = newValue
            self = .list(list)
        }
    }

    var list: [Document] {
        if case .list(let list) = self { return list }
        return []
    }

    var map: [String: Document] {
        if case .map(let map) = self { return map }
        return [:]
    }

    /// Empty when it is no text.
    var text: String {
        if case .scalar(let value) = self { return value as? String ?? "" }
        return ""
    }

    var number: Int? {
        if case .scalar(let value) = self { return (value as? NSNumber)?.intValue }
        return nil
    }

    var isTrue: Bool {
        if case .scalar(let value) = self { return value as? Bool ?? false }
        return false
    }

    var isMissing: Bool {
        if case .missing = self { return true }
        return false
    }

    /// As JSON, which every reader of YAML takes.
    func written() throws -> String {
        let data = try JSONSerialization.data(
            withJSONObject: value,
            options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    private var value: Any {
        switch self {
        case .missing: NSNull()
        case .scalar(let value): value
        case .list(let list): list.map(\.value)
        case .map(let map): map.mapValues(\.value)
        }
    }
}
