/// Series that have had one sample so far, oldest first. When there is no room they go before
/// series that have had more: so names that come once push out each other, and no device that was
/// there before.
struct Newcomers {
    /// Those after `head`; `none` for those that are no newcomers any more.
    private var series: [SeriesID] = []
    private var head = 0
    /// Places that were dropped from the front.
    private var dropped = 0
    private(set) var count = 0

    /// - Returns: its place, for `remove`.
    mutating func append(_ id: SeriesID) -> Int {
        series.append(id)
        count += 1
        return dropped + series.count - 1
    }

    mutating func remove(at place: Int) {
        series[place - dropped] = .none
        count -= 1
        while head < series.count, series[head].isNone { head += 1 }
        guard head >= 1024, head * 2 >= series.count else { return }
        series.removeFirst(head)
        dropped += head
        head = 0
    }

    mutating func removeAll() { self = Newcomers() }

    /// The oldest that may go, looked for among a few.
    func oldest(where mayGo: (SeriesID) -> Bool) -> SeriesID? {
        series[head..<min(series.count, head + 256)].first { !$0.isNone && mayGo($0) }
    }
}
