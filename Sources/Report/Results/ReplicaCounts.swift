/// How many replicas a cluster ran, as somebody watched it: a count whenever it changed.
package struct ReplicaCounts: JSONRecord, Equatable, Sendable {
    /// Seconds from the beginning of the run; negative before it.
    package var time = Column()
    package var count = Column()

    package init() {}

    /// Reads lines of a Unix time and a count. What else stands in the text is passed over: the
    /// watcher's own messages.
    /// - Parameter start: when the run began, in Unix seconds.
    package init(lines text: String, start: Double) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ")
            guard words.count == 2, let moment = Double(words[0]), let number = Int(words[1]),
                moment.isFinite, number >= 0
            else { continue }
            time.values.append(moment - start)
            count.values.append(Double(number))
        }
    }

    package var largest: Int? { count.values.max().map { Int($0) } }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("time_s", &time)
        try fields.field("count", &count)
    }

    /// The steps of the count from the run's beginning to its end, as points of a line.
    func steps(until end: Double) -> [(x: Double, y: Double)] {
        var points: [(x: Double, y: Double)] = []
        for (moment, number) in zip(time.values, count.values) where moment <= end {
            let x = max(0, moment)
            if let last = points.last { points.append((x, last.y)) }
            points.append((x, number))
        }
        if let last = points.last { points.append((max(end, last.x), last.y)) }
        return points
    }
}
