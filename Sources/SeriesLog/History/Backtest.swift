package import Detection

/// What would have been with other settings: the alerts of a series, folded with each.
package struct Backtest: ~Copyable {
    /// An alert at most so many samples from one with the other settings has moved.
    package static let nearby = 10

    package struct Outcome: Equatable, Sendable {
        package var samples = 0
        package var before = 0
        package var after = 0
        /// Alerts at the same sample with both.
        package var same = 0
        package var moved = 0
        /// Only with the settings before, and only with the others.
        package var gone = 0
        package var new = 0

        package init() {}

        package var isChanged: Bool { moved + gone + new > 0 }

        package mutating func add(_ other: Outcome) {
            samples += other.samples
            before += other.before
            after += other.after
            same += other.same
            moved += other.moved
            gone += other.gone
            new += other.new
        }
    }

    private let parameters: (before: FoldParameters, after: FoldParameters)
    private var before: SeriesFold
    private var after: SeriesFold
    /// Places of the alerts of all lives, counted on and on.
    private var alerts: (before: [Int], after: [Int]) = ([], [])
    private var count = 0

    package init(before: FoldParameters, after: FoldParameters) {
        parameters = (before, after)
        self.before = SeriesFold(before)
        self.after = SeriesFold(after)
    }

    /// The series begins anew.
    package mutating func restart() {
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old windows.
        var first = SeriesFold(parameters.before)
        swap(&before, &first)
        var second = SeriesFold(parameters.after)
        swap(&after, &second)
    }

    package mutating func take(_ record: HistoryRecord) {
        count += 1
        if before.fold(record.sample, parameters.before, at: record.came).alert {
            alerts.before.append(count)
        }
        if after.fold(record.sample, parameters.after, at: record.came).alert {
            alerts.after.append(count)
        }
    }

    package var outcome: Outcome {
        Outcome(samples: count, before: alerts.before, after: alerts.after)
    }
}

extension Backtest.Outcome {
    /// Compares alerts.
    /// - Parameters:
    ///   - before: places of alerts, counted from 1 on.
    ///   - after: those with the other settings.
    package init(samples: Int, before: [Int], after: [Int]) {
        self.samples = samples
        self.before = before.count
        self.after = after.count
        let common = Set(before).intersection(after)
        same = common.count
        var rest = after.filter { !common.contains($0) }[...]
        for place in before where !common.contains(place) {
            while let first = rest.first, first < place - Backtest.nearby {
                new += 1
                rest.removeFirst()
            }
            if let first = rest.first, first <= place + Backtest.nearby {
                moved += 1
                rest.removeFirst()
            } else {
                gone += 1
            }
        }
        new += rest.count
    }
}
