package import Options

/// Reads a whole file that a flag names; handed in, so that reading a command line needs no disk.
package typealias FileReader = (String) throws(OptionError) -> [UInt8]

/// A request of one's own: a method, a path, headers and a body, in which `{{device}}`,
/// `{{timestamp}}`, `{{rps}}`, `{{cpu}}` and `{{seq}}` stand for values that each request has anew.
package struct RequestTemplate: Equatable, Sendable {
    /// What a request puts in the place of a name in double braces.
    package enum Value: String, CaseIterable, Sendable {
        /// A device's name, such as `device-7`.
        case device
        /// Unix time in whole seconds.
        case timestamp
        case rps
        case cpu
        /// The request's number, from 1 on, each once in a run.
        case seq
    }

    enum Part: Equatable, Sendable {
        case text([UInt8])
        case value(Value)
    }

    private static let bodyLimit = 8 * 1024 * 1024
    private static let headerLimit = 100

    let method: String
    private let path: String
    /// What stands behind an address' prefix: the path.
    let pathParts: [Part]
    /// Header lines of one's own, each with its line's end.
    let headerParts: [Part]
    let body: [Part]
    let hasContentType: Bool
    let hasUserAgent: Bool
    let hasAuthorization: Bool
    private let hasOwnKey: Bool

    /// Reads `--method`, `--path`, `--header`, `--body` and `--body-file`; nil without any of them.
    package init?(_ options: inout Options, readFile: FileReader) throws(OptionError) {
        let method = options.text("--method")
        let path = options.text("--path")
        let headers = options.texts("--header")
        let text = options.text("--body")
        let file = options.text("--body-file")
        guard let path else {
            let others = [method, headers.first, text, file]
            guard others.allSatisfy({ $0 == nil }) else {
                throw OptionError("--method, --header, --body, --body-file: they need --path")
            }
            return nil
        }
        guard text == nil || file == nil else {
            throw OptionError("--body, --body-file: one of them")
        }
        var body: [UInt8]?
        if let file { body = try readFile(file) }
        if let text { body = Array(text.utf8) }
        guard body?.count ?? 0 <= RequestTemplate.bodyLimit else {
            throw OptionError("--body: allowed is at most \(RequestTemplate.bodyLimit) bytes")
        }
        self.method = method ?? (body == nil ? "GET" : "POST")
        guard !self.method.isEmpty, self.method.count <= 32,
            self.method.utf8.allSatisfy({ (0x41...0x5A).contains($0) || $0 == 0x2D })
        else { throw OptionError("--method: allowed are capital letters, such as POST") }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 })
        else { throw OptionError("--path: allowed is / and visible ASCII behind it, without #") }
        self.path = path
        pathParts = try RequestTemplate.parts(Array(path.utf8), flag: "--path")
        guard headers.count <= RequestTemplate.headerLimit else {
            throw OptionError("--header: allowed are at most \(RequestTemplate.headerLimit)")
        }
        var lines: [UInt8] = []
        for header in headers { lines += try RequestTemplate.line(header) }
        headerParts = try RequestTemplate.parts(lines, flag: "--header")
        let names = headers.map { $0.prefix { $0 != ":" }.lowercased() }
        hasContentType = names.contains("content-type")
        hasUserAgent = names.contains("user-agent")
        hasAuthorization = names.contains("authorization")
        hasOwnKey = names.contains("idempotency-key")
        self.body = try RequestTemplate.parts(body ?? [], flag: "--body")
    }

    /// Whether `--keys` gives it a key: it changes something, and `--header` has not given it one.
    var takesKey: Bool { !hasOwnKey && !["GET", "HEAD", "OPTIONS", "TRACE"].contains(method) }
    var isHead: Bool { method == "HEAD" }
    var hasBody: Bool { !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH" }

    /// For reports.
    package var text: String { "\(method) \(path)" }

    /// A header with its line's end.
    private static func line(_ header: String) throws(OptionError) -> [UInt8] {
        let parts = header.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].lowercased()
        guard parts.count == 2, !name.isEmpty,
            name.utf8.allSatisfy({
                $0 > 0x20 && $0 < 0x7F && !"()<>@,;\\\"/[]?={}".utf8.contains($0)
            }),
            header.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw OptionError("--header: \"\(header)\" is not allowed; allowed is 'Name: value'")
        }
        let own = [
            "host": "--host-header", "content-length": "the body", "connection": "--keep-alive",
        ]
        if let flag = own[name] { throw OptionError("--header: \(parts[0]) is decided by \(flag)") }
        guard name != "transfer-encoding" else {
            throw OptionError("--header: Transfer-Encoding is not allowed; a body has its length")
        }
        let value = parts[1].drop { $0 == " " }
        return Array("\(parts[0]): \(value)\r\n".utf8)
    }

    /// Takes a text apart at its names in double braces.
    static func parts(_ bytes: [UInt8], flag: String) throws(OptionError) -> [Part] {
        var parts: [Part] = []
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index...].starts(with: "{{".utf8),
                let value = try value(bytes[(index + 2)...], flag: flag)
            else {
                text.append(bytes[index])
                index += 1
                continue
            }
            if !text.isEmpty { parts.append(.text(text)) }
            text = []
            parts.append(.value(value))
            index += value.rawValue.utf8.count + 4
        }
        if !text.isEmpty { parts.append(.text(text)) }
        return parts
    }

    /// The value that `name}}` stands for; nil where these are braces of the body's own.
    private static func value(_ rest: ArraySlice<UInt8>, flag: String) throws(OptionError) -> Value?
    {
        let letters = rest.prefix { (0x61...0x7A).contains($0) || $0 == 0x5F }
        guard !letters.isEmpty, rest.dropFirst(letters.count).starts(with: "}}".utf8) else {
            return nil
        }
        let name = String(decoding: letters, as: UTF8.self)
        guard let value = Value(rawValue: name) else {
            let names = Value.allCases.map { "{{\($0.rawValue)}}" }.joined(separator: ", ")
            throw OptionError("\(flag): {{\(name)}} is not known; known are \(names)")
        }
        return value
    }
}
