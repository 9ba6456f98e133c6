internal import Numerics
internal import Signals

/// What a detection at each sample of one series is worth, before a profile weighs it.
///
/// The first samples are probation and are not scored. Inside a window a detection is worth more
/// the earlier it comes; outside it costs, and only a little just after a window.
struct NABTimeline {
    /// Share of a series that is probation, and the length of the longest series that counts for
    /// it.
    private static let probationShare = 0.15
    private static let probationLength = 5000.0

    struct Point: Equatable {
        /// In (0, 1] inside a window: its part of the best. In [-1, 0] outside: its part of the
        /// worst.
        let worth: Double
        /// The window's place among the series' windows; nil outside.
        let window: Int?
    }

    /// Samples of probation before the first scored one.
    let probation: Int
    /// A point per sample, those of probation too.
    let points: [Point]
    /// Windows that reach beyond probation: only these can be found or missed.
    let windows: [Int]

    init(_ events: [AnomalyEvent], count: Int) {
        probation = NABTimeline.probation(count)
        let ordered = events.filter { $0.start < count }.sorted { $0.start < $1.start }
        var points: [Point] = []
        points.reserveCapacity(count)
        var upcoming = 0
        for index in 0..<count {
            while upcoming < ordered.count, ordered[upcoming].end <= index { upcoming += 1 }
            if upcoming < ordered.count, ordered[upcoming].start <= index {
                points.append(
                    Point(worth: NABTimeline.inside(ordered[upcoming], index), window: upcoming))
            } else {
                let last = upcoming > 0 ? ordered[upcoming - 1] : nil
                points.append(Point(worth: NABTimeline.outside(last, index), window: nil))
            }
        }
        let start = probation
        self.points = points
        windows = ordered.indices.filter { ordered[$0].end > start }
    }

    /// 15 % of the series, and no more than 15 % of 5000 samples.
    static func probation(_ count: Int) -> Int {
        Int(min((probationShare * Double(count)).rounded(.down), probationShare * probationLength))
    }

    /// The window's first sample is at position -1 and its last just before 0.
    private static func inside(_ window: AnomalyEvent, _ index: Int) -> Double {
        let width = Double(window.end - window.start)
        return scaledSigmoid(-Double(window.end - index) / width) / scaledSigmoid(-1)
    }

    /// Positions count from the last window's end in its own length; with no window behind, or one
    /// of a single sample, which has no length to measure by, a detection costs all.
    private static func outside(_ last: AnomalyEvent?, _ index: Int) -> Double {
        guard let last, last.end - last.start > 1 else { return -1 }
        return scaledSigmoid(Double(index - last.end + 1) / Double(last.end - last.start - 1))
    }

    /// The benchmark's 2 / (1 + e^(5 position)) - 1, and -1 from three window lengths on.
    static func scaledSigmoid(_ position: Double) -> Double {
        position > 3 ? -1 : 2 / (1 + exponential(5 * position)) - 1
    }
}
