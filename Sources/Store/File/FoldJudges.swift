internal import Detection

/// By which settings, and by which version of the fold, the samples of a file were judged when they
/// came: from an entry on by these, from a later one on by others.
///
/// Written as lines of an entry's number, a space, and the name of what judged.
struct FoldJudges: Equatable {
    private var lines: [(entry: UInt64, name: String)] = []

    static func == (left: FoldJudges, right: FoldJudges) -> Bool { left.bytes == right.bytes }

    init(_ bytes: [UInt8]) {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let entry = UInt64(words[0]) else { continue }
            lines.append((entry, String(words[1])))
        }
    }

    /// The name of what judges with these parameters in this build.
    static func name(of parameters: FoldParameters) -> String {
        "\(SeriesFold.version),\(parameters.windowSize),\(parameters.zThreshold),"
            + "\(parameters.minimumSamples),\(parameters.alertThreshold)"
    }

    /// The settings of who judged last; nil when nobody did.
    var parameters: FoldParameters? {
        guard let numbers = lines.last?.name.split(separator: ","), numbers.count == 5,
            let window = Int(numbers[1]), FoldParameters.windowSizes.contains(window),
            let zThreshold = Double(numbers[2]), let minimum = Int(numbers[3]),
            let alertThreshold = Double(numbers[4])
        else { return nil }
        var parameters = FoldParameters()
        parameters.windowSize = window
        parameters.zThreshold = zThreshold
        parameters.minimumSamples = minimum
        parameters.alertThreshold = alertThreshold
        return parameters
    }

    /// Adds who judges from an entry on.
    /// - Returns: false when it is who judged before.
    mutating func add(_ name: String, from entry: UInt64) -> Bool {
        guard lines.last?.name != name else { return false }
        lines.append((entry, name))
        return true
    }

    var bytes: [UInt8] {
        Array(lines.map { "\($0.entry) \($0.name)\n" }.joined().utf8)
    }

    /// Whether somebody else than this one judged the samples of an entry.
    func differs(from name: String, at entry: UInt64) -> Bool {
        lines.last { $0.entry <= entry }.map { $0.name != name } ?? false
    }
}
