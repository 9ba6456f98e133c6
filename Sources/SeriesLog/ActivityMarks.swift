internal import Bytes

/// Marks at some series of a table, in the order of activity: a place in the middle of its list is
/// found from the next mark, not from the list's beginning.
struct ActivityMarks {
    /// Series between two marks, at most.
    static let distance: Int32 = 64

    private struct Mark {
        var activity: Instant
        var series: SeriesID
    }

    /// Of series that became the newest: the last is the newest.
    private var recent: [Mark] = []
    /// Of series that became the oldest: the last is the oldest.
    private var early: [Mark] = []

    mutating func appendNewest(_ id: SeriesID, _ activity: Instant) {
        recent.append(Mark(activity: activity, series: id))
    }

    mutating func appendOldest(_ id: SeriesID, _ activity: Instant) {
        early.append(Mark(activity: activity, series: id))
    }

    /// Moves the mark of the series with this activity to the next older one, or (nil) removes it.
    mutating func move(from activity: Instant, to next: (id: SeriesID, activity: Instant)?) {
        let place = ActivityMarks.count(of: recent) { $0.activity < activity }
        if place < recent.count, recent[place].activity == activity {
            ActivityMarks.move(&recent, place, to: next)
        } else {
            let place = ActivityMarks.count(of: early) { $0.activity > activity }
            precondition(
                place < early.count && early[place].activity == activity,
                "a series has a mark that is not among the marks")
            ActivityMarks.move(&early, place, to: next)
        }
    }

    private static func move(
        _ marks: inout [Mark], _ place: Int, to next: (id: SeriesID, activity: Instant)?
    ) {
        if let next {
            marks[place] = Mark(activity: next.activity, series: next.id)
        } else {
            marks.remove(at: place)
        }
    }

    /// The marked series with the least activity that is not before this one; nil when there is
    /// none.
    func first(from activity: Instant) -> SeriesID? {
        // Of the early ones the last that is late enough is nearest, and then the recent ones.
        let earlier = ActivityMarks.count(of: early) { $0.activity >= activity }
        if earlier > 0 { return early[earlier - 1].series }
        let place = ActivityMarks.count(of: recent) { $0.activity < activity }
        return place < recent.count ? recent[place].series : nil
    }

    /// How many marks come before the first of which it is not true.
    private static func count(of marks: [Mark], where isBefore: (Mark) -> Bool) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(marks[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
