/// Is the sensor stuck? A run of equal values, three times the longest before, in a series that is
/// not usually flat.
struct FlatView {
    private static let minimumRun = 30.0
    private static let runFactor = 3.0
    /// A series whose longest run passes this share of its past is one that is usually flat.
    private static let usualShare = 0.02
    private static let runShare = 0.2

    /// Equal values in a row, now and at most; they stop at their limit.
    private var run: UInt32 = 0
    private var longest: UInt32 = 0

    @inline(__always)
    mutating func judge(isSameAsLast: Bool, samplesBefore: Double, isWarm: Bool) -> Double {
        guard isSameAsLast else {
            if run > 0 {
                longest = max(longest, run)
                run = 0
            }
            return 0
        }
        if run < .max { run += 1 }
        let n = samplesBefore + 1
        let run = Double(run)
        let longest = Double(longest)
        let needed = larger(FlatView.minimumRun, FlatView.runFactor * longest)
        guard isWarm, run >= needed, longest < FlatView.usualShare * n, run < FlatView.runShare * n
        else { return 0 }
        return smaller(
            ScoreScale.limit, ScoreScale.threshold * run / needed)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&run, in: 0...UInt32.max)
        try visitor.visit(&longest, in: 0...UInt32.max)
    }
}
