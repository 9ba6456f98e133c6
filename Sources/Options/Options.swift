internal import Bytes

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
    private var values: [String: [String]] = [:]
    private var unasked: Set<String> = []
    /// The last flag, when nothing stands behind it.
    private var valueless: String?
    /// Arguments that are no flags, in order.
    package private(set) var operands: [String] = []

    /// - Parameters:
    ///   - switches: the flags that take no value.
    ///   - repeatable: the flags that may be given several times.
    package init(
        _ arguments: [String], switches: Set<String>, repeatable: Set<String> = []
    ) throws(OptionError) {
        var arguments = Arguments(arguments)
        while let argument = arguments.next() {
            switch argument {
            case .operand(let operand): operands.append(operand)
            case .flag(let flag):
                guard values[flag] == nil || repeatable.contains(flag) else {
                    throw OptionError("\(flag): given twice")
                }
                unasked.insert(flag)
                if switches.contains(flag) {
                    guard !arguments.hasInlineValue else {
                        throw OptionError("\(flag): takes no value")
                    }
                    values[flag] = [""]
                } else if let value = arguments.value() {
                    values[flag, default: []].append(value)
                } else {
                    valueless = flag
                }
            }
        }
    }

    package mutating func text(_ flag: String) -> String? { texts(flag).last }

    /// All values of a flag that may be given several times, in order.
    package mutating func texts(_ flag: String) -> [String] {
        unasked.remove(flag)
        return values[flag] ?? []
    }

    /// Whether a flag is given; asking so does not count as asking for it.
    package func has(_ flag: String) -> Bool { values[flag] != nil }

    /// A flag that is of no more use: nobody need ask for it.
    package mutating func drop(_ flag: String) {
        unasked.remove(flag)
        values[flag] = nil
    }

    /// Gives flags that the command line has not given, such as those of a preset.
    package mutating func addDefaults(from other: Options) {
        for (flag, given) in other.values where values[flag] == nil {
            values[flag] = given
            unasked.insert(flag)
        }
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

    /// A length of time such as `500ms`, `30s`, `5m` or `1h`; in seconds.
    package mutating func seconds(_ flag: String, _ standard: Double, in range: ClosedRange<Double>)
        throws(OptionError) -> Double
    {
        guard let text = text(flag) else { return standard }
        guard let value = Duration.parse(text)?.seconds, range.contains(value) else {
            throw OptionError(
                "\(flag): \"\(text)\" is not allowed; allowed is "
                    + "\(Duration.text(.seconds(range.lowerBound))) to "
                    + "\(Duration.text(.seconds(range.upperBound))), \(Duration.form)")
        }
        return value
    }

    /// One of the words of an enumeration.
    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ flag: String, _ standard: Choice
    ) throws(OptionError) -> Choice {
        guard let text = text(flag) else { return standard }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            throw OptionError("\(flag): \"\(text)\" is not allowed; allowed is \(names)")
        }
        return choice
    }

    /// Every flag has been asked for by now; one that has not is unknown.
    package func expectNothingElse() throws(OptionError) {
        if let flag = unasked.min() { throw OptionError("\(flag): unknown flag; see --help") }
        if let valueless { throw OptionError("\(valueless): a value is missing") }
    }
}
