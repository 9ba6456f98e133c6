/// A command line, flag by flag: `--rate 500` and `--rate=500` are the same.
package struct Arguments {
    package enum Argument: Equatable {
        /// A flag with its dashes; `value` reads what belongs to it.
        case flag(String)
        /// What is no flag.
        case operand(String)
    }

    private var rest: ArraySlice<String>
    /// The value that stood behind the last flag's equals sign.
    private var inlineValue: String?

    /// - Parameter arguments: without the program's own name.
    package init(_ arguments: some Sequence<String>) { rest = ArraySlice(Array(arguments)) }

    /// The next argument; nil at the end. An inline value that nobody asked for is dropped.
    package mutating func next() -> Argument? {
        inlineValue = nil
        guard let argument = rest.popFirst() else { return nil }
        guard argument.hasPrefix("-"), argument.count > 1, argument != "--" else {
            return .operand(argument)
        }
        guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else {
            return .flag(argument)
        }
        inlineValue = String(argument[argument.index(after: equals)...])
        return .flag(String(argument[..<equals]))
    }

    /// Whether the last flag has its value behind an equals sign.
    package var hasInlineValue: Bool { inlineValue != nil }

    /// The last flag's value: behind its equals sign, or the argument after it; nil at the end.
    package mutating func value() -> String? { inlineValue ?? rest.popFirst() }
}
