/// rps and cpu of a sample side by side: every step treats both at once.
typealias Pair = SIMD2<Double>

/// Mean and population standard deviation over a sliding window, in O(1) a sample; of rps and cpu
/// together.
///
/// It slides the sums of x − a and (x − a)² about an anchor a near the mean. Sums that slide drift,
/// and lose everything when a huge value leaves; both are met by summing afresh from the window:
/// once in a number of window lengths, and whenever the spread has fallen so far below its peak
/// since the last fresh sum that rounding could show in the ninth digit.
struct SlidingMoments {
    private var anchor = Pair.zero
    private var sum = Pair.zero
    private var squares = Pair.zero
    /// Largest `squares` since the last fresh sum.
    private var peak = Pair.zero
    private(set) var mean = Pair.zero
    private(set) var deviation = Pair.zero

    /// Window lengths between two fresh sums.
    static let windowsPerRefresh: Int16 = 8
    /// Rounding adds up to about u · peak per step (u = 2^-53), for at most `windowsPerRefresh`
    /// windows of steps; the spread must stay so far above it that 1e-9 relative is kept: over this
    /// part of the peak for each value, or the variance over this part of the peak.
    private static let tolerance = 2.5e-7 * Double(windowsPerRefresh)

    @inline(__always)
    mutating func add(_ value: Pair) {
        let offset = value - anchor
        sum += offset
        squares += offset * offset
    }

    @inline(__always)
    mutating func remove(_ value: Pair) {
        let offset = value - anchor
        sum -= offset
        squares -= offset * offset
    }

    /// Derives the mean and the deviation.
    /// - Parameter share: 1 / the number of values, of each.
    /// - Returns: false when rounding may have spoilt them, and a fresh sum is due.
    @inline(__always)
    mutating func settle(share: Pair) -> Bool {
        let offset = sum * share
        let variance = (squares - offset * sum) * share
        peak = larger(peak, squares)
        mean = anchor + offset
        deviation = squareRoot(larger(variance, .zero))
        return bothReach(variance, peak * SlidingMoments.tolerance)
    }

    /// A value relative to another; 0 for a cpu that was not measured.
    private static func offset(_ value: Pair, from origin: Pair) -> Pair {
        Pair(value.x - origin.x, value.y < 0 ? 0 : value.y - origin.y)
    }

    /// As `add` and `remove`, for values whose cpu may be missing.
    mutating func addMeasured(_ value: Pair) {
        let offset = SlidingMoments.offset(value, from: anchor)
        sum += offset
        squares += offset * offset
    }

    mutating func removeMeasured(_ value: Pair) {
        let offset = SlidingMoments.offset(value, from: anchor)
        sum -= offset
        squares -= offset * offset
    }

    /// No value has a cpu: its sums begin anew about this one.
    mutating func restartSecond(at value: Double) {
        anchor.y = value
        sum.y = 0
        squares.y = 0
        peak.y = 0
    }

    /// Sums afresh: a first pass for the mean, which becomes the anchor, a second about it.
    /// - Parameter measured: how many of the values have a cpu.
    mutating func refresh(count: Int, measured: Int, _ value: (Int) -> Pair) {
        let n = Pair(Double(count), Double(max(1, measured)))
        var first = Pair.zero
        var guess = value(0)
        if guess.y < 0 {
            let index = (0..<count).first { value($0).y >= 0 }
            guess.y = index.map { value($0).y } ?? 0
        }
        for index in 0..<count { first += SlidingMoments.offset(value(index), from: guess) }
        anchor = guess + first / n
        sum = .zero
        squares = .zero
        for index in 0..<count { addMeasured(value(index)) }
        peak = squares
        let offset = sum / n
        mean = anchor + offset
        deviation = squareRoot(larger(squares - offset * sum, .zero) / n)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&anchor)
        try visitor.visit(&sum)
        try visitor.visit(&squares)
        try visitor.visit(&peak)
        try visitor.visit(&mean)
        try visitor.visit(&deviation)
    }
}

/// The last N samples of a series, and the statistics of their rps and cpu.
@safe package struct Window: ~Copyable {
    private(set) var moments = SlidingMoments()
    private let values: UnsafeMutablePointer<Pair>
    /// 1 / count: a multiplication is a fraction of a division's time. It is loaded together with
    /// what stands behind it, and must not wait for a store to that: so what seldom changes does.
    private var share = 0.0
    private let capacity: Int32
    package private(set) var count: Int32 = 0
    private var next: Int32 = 0
    private var windowsUntilRefresh: Int16 = 1
    /// Values in the window whose cpu was not measured.
    private var missing: Int16 = 0

    package init(size: Int) {
        precondition(FoldParameters.windowSizes.contains(size), "window size out of range")
        capacity = Int32(size)
        // SAFETY: the memory is this value's own: initialised whole here, freed in `deinit`.
        unsafe values = UnsafeMutablePointer<Pair>.allocate(capacity: size)
        unsafe values.initialize(repeating: .zero, count: size)
    }

    deinit {
        // SAFETY: allocated in init, owned by this value alone; doubles need no deinit.
        unsafe values.deallocate()
    }

    /// Memory of the values, in bytes.
    package static func storageBytes(size: Int) -> Int { size * MemoryLayout<Pair>.stride }

    /// Values in the window whose cpu was measured.
    var measured: Int { Int(count) &- Int(missing) }
    var hasGaps: Bool {
        @inline(__always) get { missing > 0 }
    }

    /// Means and population standard deviations of rps and cpu.
    package var rpsMean: Double { moments.mean.x }
    package var rpsDeviation: Double { moments.deviation.x }
    package var cpuMean: Double { moments.mean.y }
    package var cpuDeviation: Double { moments.deviation.y }

    /// Takes a sample in, and the oldest out when the window is full.
    @inline(__always)
    mutating func push(_ sample: Pair) {
        let value = larger(
            smaller(sample, Pair(repeating: statisticsLimit)), Pair(repeating: -statisticsLimit))
        if missing > 0 || value.y < 0 { return pushWithGaps(value) }
        // A local copy stays in registers across the write below, which for all the compiler knows
        // might change the moments themselves.
        var moments = self.moments
        let place = Int(next)
        if count == capacity {
            // SAFETY: next < capacity, so the place is inside the allocation.
            unsafe moments.remove(values[place])
        } else {
            count &+= 1
            setCount()
        }
        // SAFETY: as above.
        unsafe values[place] = value
        moments.add(value)
        let isSound = moments.settle(share: Pair(repeating: share))
        self.moments = moments
        advance(isSound: isSound)
    }

    /// The same where the cpu of some values is missing: its mean and deviation are those of the
    /// others.
    @inline(never)
    private mutating func pushWithGaps(_ value: Pair) {
        let place = Int(next)
        if count == capacity {
            // SAFETY: next < capacity, so the place is inside the allocation.
            let old = unsafe values[place]
            if old.y < 0 { missing &-= 1 }
            moments.removeMeasured(old)
        } else {
            count &+= 1
            setCount()
        }
        if value.y < 0 { missing &+= 1 }
        if measured == 0 || measured == 1 && value.y >= 0 {
            moments.restartSecond(at: larger(0, value.y))
        }
        // SAFETY: as above.
        unsafe values[place] = value
        moments.addMeasured(value)
        let isSound = moments.settle(share: Pair(share, 1 / Double(max(1, measured))))
        advance(isSound: isSound)
    }

    @inline(__always)
    private mutating func advance(isSound: Bool) {
        next &+= 1
        if next == capacity {
            next = 0
            windowsUntilRefresh &-= 1
            if windowsUntilRefresh <= 0 { return refresh() }
        }
        if !isSound { refresh() }
    }

    private mutating func setCount() {
        share = count > 0 ? 1 / Double(count) : 0
    }

    @inline(never)
    private mutating func refresh() {
        windowsUntilRefresh = SlidingMoments.windowsPerRefresh
        // SAFETY: indices below count are inside the allocation; places fill from the first.
        let values = unsafe self.values
        moments.refresh(count: Int(count), measured: measured) { unsafe values[$0] }
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&count, in: 0...capacity)
        try visitor.visit(&next, in: 0...capacity - 1)
        try visitor.visit(&windowsUntilRefresh, in: 1...SlidingMoments.windowsPerRefresh)
        setCount()
        try moments.visit(&visitor)
        missing = 0
        for index in 0..<Int(count) {
            // SAFETY: count <= capacity was just checked.
            try unsafe visitor.visit(&values[index])
            // SAFETY: as above.
            if unsafe values[index].y < 0 { missing &+= 1 }
        }
    }
}
