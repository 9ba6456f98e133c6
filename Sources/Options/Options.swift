/// Why a command line is not understood: names the flag and what it allows.
package struct OptionError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Flags with values (`--rate 500`, `--rate=500`), switches, and what stands between them.
///
/// Every flag must be asked for, so that a misspelt one is an error and not silence:
/// `expectNothingElse` says which were not.
package struct Options {
    private var values: [String: String] = [:]
    private var unasked: Set<String> = []
    /// The last flag, when nothing stands behind it.
    private var valueless: String?
    /// Arguments that are no flags, in order.
    package private(set) var operands: [String] = []

    /// - Parameter switches: the flags that take no value.
    package init(_ arguments: [String], switches: Set<String>) throws(OptionError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.count > 2 else {
                operands.append(argument)
                continue
            }
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts[0])
            guard values[flag] == nil else { throw OptionError("\(flag): given twice") }
            unasked.insert(flag)
            if switches.contains(flag) {
                guard parts.count == 1 else { throw OptionError("\(flag): takes no value") }
                values[flag] = ""
            } else if parts.count == 2 {
                values[flag] = String(parts[1])
            } else if let value = rest.popFirst() {
                values[flag] = value
            } else {
                valueless = flag
            }
        }
    }

    package mutating func text(_ flag: String) -> String? {
        unasked.remove(flag)
        return values[flag]
    }

    package mutating func required(_ flag: String, _ meaning: String) throws(OptionError) -> String
    {
        guard let value = text(flag), !value.isEmpty else {
            if flag == valueless { throw OptionError("\(flag): a value is missing, \(meaning)") }
            throw OptionError("\(flag): required, \(meaning)")
        }
        return value
    }

    package mutating func isSet(_ flag: String) -> Bool { text(flag) != nil }

    package mutating func integer(_ flag: String, _ standard: Int, in range: ClosedRange<Int>)
        throws(OptionError) -> Int
    {
        guard let text = text(flag) else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw OptionError(
                "\(flag): \"\(text)\" is not allowed; allowed is \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return value
    }

    package mutating func decimal(_ flag: String, in range: ClosedRange<Double>)
        throws(OptionError) -> Double?
    {
        guard let text = text(flag) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            throw OptionError(
                "\(flag): \"\(text)\" is not allowed; allowed is \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return value
    }

    /// A length of time such as `500ms`, `30s`, `5m`; in seconds.
    package mutating func seconds(_ flag: String, _ standard: Double, in range: ClosedRange<Double>)
        throws(OptionError) -> Double
    {
        guard let text = text(flag) else { return standard }
        guard let value = secondsValue(text), range.contains(value) else {
            throw OptionError(
                "\(flag): \"\(text)\" is not allowed; allowed is \(range.lowerBound)s to "
                    + "\(range.upperBound)s, a number with ms, s or m")
        }
        return value
    }

    /// Every flag has been asked for by now; one that has not is unknown.
    package func expectNothingElse() throws(OptionError) {
        if let flag = unasked.min() { throw OptionError("\(flag): unknown flag; see --help") }
        if let valueless { throw OptionError("\(valueless): a value is missing") }
    }
}

/// A length of time such as `500ms`, `30s`, `5m`, in seconds; nil when it is none.
package func secondsValue(_ text: String) -> Double? {
    for (suffix, factor) in [("ms", 0.001), ("s", 1.0), ("m", 60.0)]
    where text.hasSuffix(suffix) {
        return Double(text.dropLast(suffix.count)).map { $0 * factor }
    }
    return nil
}

/// Where a service is: `http://host:port`, nothing after it.
package struct Target: Equatable, Sendable {
    package let host: String
    package let port: UInt16

    package init(_ text: String) throws(OptionError) {
        let scheme = "http://"
        guard text.hasPrefix(scheme) else {
            throw OptionError("--target: \"\(text)\" must begin with http://")
        }
        var rest = String(text.dropFirst(scheme.count))
        if rest.hasSuffix("/") { rest.removeLast() }
        guard !rest.isEmpty, !rest.contains("/"), !rest.contains("@") else {
            throw OptionError("--target: \"\(text)\" must be http://host:port and nothing more")
        }
        if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
            guard let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else {
                throw OptionError("--target: the port must be 1 to 65535")
            }
            self.port = port
            rest = String(rest[..<colon])
        } else {
            port = 80
        }
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = String(rest.dropFirst().dropLast()) }
        guard !rest.isEmpty else { throw OptionError("--target: \"\(text)\" names no host") }
        host = rest
    }

    /// The Host header that names it.
    package var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == 80 ? name : "\(name):\(port)"
    }
}
