/// Mean and population standard deviation of one quantity over a sliding window, in O(1) a sample.
///
/// It slides the sums of x − a and (x − a)² about an anchor a near the mean. Sums that slide drift,
/// and lose everything when a huge value leaves; both are met by summing afresh from the window:
/// once per window length, and whenever the spread has fallen so far below its peak since the last
/// fresh sum that rounding could show in the ninth digit.
struct SlidingMoments {
    private var anchor = 0.0
    private var sum = 0.0
    private var squares = 0.0
    /// Largest `squares` since the last fresh sum.
    private var peak = 0.0
    private(set) var mean = 0.0
    private(set) var standardDeviation = 0.0

    /// Rounding adds up to about u · peak per step (u = 2^-53), for at most a window's length of
    /// steps; the spread must stay so far above it that 1e-9 relative is kept.
    static let sharePerSample = 2.5e-7

    @inline(__always)
    mutating func add(_ value: Double) {
        let offset = value - anchor
        sum += offset
        squares += offset * offset
    }

    @inline(__always)
    mutating func remove(_ value: Double) {
        let offset = value - anchor
        sum -= offset
        squares -= offset * offset
    }

    /// Derives the mean and the standard deviation of `count` values.
    /// - Returns: false when rounding may have spoilt them, and a fresh sum is due.
    @inline(__always)
    mutating func settle(count: Int) -> Bool {
        let n = Double(count)
        let offset = sum / n
        let spread = squares - offset * sum
        if squares > peak { peak = squares }
        mean = anchor + offset
        standardDeviation = (max(spread, 0) / n).squareRoot()
        return spread >= peak * (n * SlidingMoments.sharePerSample)
    }

    /// Sums afresh: a first pass for the mean, which becomes the anchor, a second about it.
    mutating func refresh(count: Int, _ value: (Int) -> Double) {
        let n = Double(count)
        var first = 0.0
        let guess = value(0)
        for index in 0..<count { first += value(index) - guess }
        anchor = guess + first / n
        sum = 0
        squares = 0
        for index in 0..<count { add(value(index)) }
        peak = squares
        let offset = sum / n
        mean = anchor + offset
        standardDeviation = (max(squares - offset * sum, 0) / n).squareRoot()
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&anchor)
        try visitor.visit(&sum)
        try visitor.visit(&squares)
        try visitor.visit(&peak)
        try visitor.visit(&mean)
        try visitor.visit(&standardDeviation)
    }
}

/// The last N samples of a series, and the statistics of their rps and cpu.
@safe package struct Window: ~Copyable {
    /// rps and cpu of each sample, side by side: one cache line serves both.
    private let values: UnsafeMutablePointer<Double>
    private let capacity: Int32
    package private(set) var count: Int32 = 0
    private var next: Int32 = 0
    private var sinceRefresh: Int32 = 0
    private(set) var rps = SlidingMoments()
    private(set) var cpu = SlidingMoments()

    package init(size: Int) {
        precondition(FoldParameters.windowSizes.contains(size), "window size out of range")
        capacity = Int32(size)
        unsafe values = UnsafeMutablePointer<Double>.allocate(capacity: 2 * size)
        unsafe values.initialize(repeating: 0, count: 2 * size)
    }

    deinit {
        // SAFETY: allocated in init, owned by this value alone; doubles need no deinit.
        unsafe values.deallocate()
    }

    /// Memory of the values, in bytes.
    package static func storageBytes(size: Int) -> Int { 2 * size * MemoryLayout<Double>.stride }

    /// Takes a sample in, and the oldest out when the window is full.
    @inline(__always)
    package mutating func push(rps newRps: Double, cpu newCpu: Double) {
        let newRps = min(newRps, statisticsLimit)
        let newCpu = min(newCpu, statisticsLimit)
        let place = Int(next) * 2
        if count == capacity {
            // SAFETY: next < capacity, so both halves of the place are inside the allocation.
            unsafe rps.remove(values[place])
            unsafe cpu.remove(values[place + 1])
        } else {
            count += 1
        }
        unsafe values[place] = newRps
        unsafe values[place + 1] = newCpu
        next = next + 1 == capacity ? 0 : next + 1
        rps.add(newRps)
        cpu.add(newCpu)
        sinceRefresh += 1
        let rpsIsSound = rps.settle(count: Int(count))
        let cpuIsSound = cpu.settle(count: Int(count))
        if !rpsIsSound || !cpuIsSound || sinceRefresh >= capacity { refresh() }
    }

    private mutating func refresh() {
        sinceRefresh = 0
        let values = unsafe self.values
        // SAFETY: indices below count are inside the allocation; places fill from the first.
        rps.refresh(count: Int(count)) { unsafe values[2 * $0] }
        cpu.refresh(count: Int(count)) { unsafe values[2 * $0 + 1] }
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&count, in: 0...capacity)
        try visitor.visit(&next, in: 0...capacity - 1)
        try visitor.visit(&sinceRefresh, in: 0...capacity)
        try rps.visit(&visitor)
        try cpu.visit(&visitor)
        for index in 0..<2 * Int(count) {
            // SAFETY: count <= capacity was just checked.
            try unsafe visitor.visit(&values[index])
        }
    }
}
