internal import Bytes

/// Marks at some series of a table, in the order of activity: a place in the middle of its list is
/// found from the next mark, not from the list's beginning.
struct ActivityMarks {
    /// Series between two marks, at most.
    static let distance: Int32 = 64

    private struct Mark {
        var activity: Instant
        /// `none` where the mark has gone; it goes from the array when many have.
        var series: SeriesID
    }

    /// Of series that became the newest: the last is the newest.
    private var recent: [Mark] = []
    /// Of series that became the oldest: the last is the oldest.
    private var early: [Mark] = []
    private var goneCount = 0

    mutating func appendNewest(_ id: SeriesID, _ activity: Instant) {
        recent.append(Mark(activity: activity, series: id))
    }

    mutating func appendOldest(_ id: SeriesID, _ activity: Instant) {
        early.append(Mark(activity: activity, series: id))
    }

    /// Moves the mark of the series with this activity to the next older one, or (nil) removes it.
    mutating func move(from activity: Instant, to next: (id: SeriesID, activity: Instant)?) {
        let place = ActivityMarks.places(in: recent) { $0.activity < activity }
        if place < recent.count, recent[place].activity == activity {
            ActivityMarks.move(&recent[place], to: next)
        } else {
            let place = ActivityMarks.places(in: early) { $0.activity > activity }
            precondition(
                place < early.count && early[place].activity == activity,
                "a series has a mark that is not among the marks")
            ActivityMarks.move(&early[place], to: next)
        }
        guard next == nil else { return }
        goneCount += 1
        if goneCount * 2 > recent.count + early.count { dropGone() }
    }

    private static func move(_ mark: inout Mark, to next: (id: SeriesID, activity: Instant)?) {
        mark.series = next?.id ?? .none
        if let next { mark.activity = next.activity }
    }

    private mutating func dropGone() {
        recent.removeAll { $0.series.isNone }
        early.removeAll { $0.series.isNone }
        goneCount = 0
    }

    /// The marked series with the least activity that is not before this one; nil when there is
    /// none.
    func first(from activity: Instant) -> SeriesID? {
        // Of the early ones the last that is late enough is nearest, and then the recent ones.
        var place = ActivityMarks.places(in: early) { $0.activity >= activity }
        while place > 0 {
            place -= 1
            if !early[place].series.isNone { return early[place].series }
        }
        place = ActivityMarks.places(in: recent) { $0.activity < activity }
        while place < recent.count {
            if !recent[place].series.isNone { return recent[place].series }
            place += 1
        }
        return nil
    }

    /// How many marks come before the first of which it is not true.
    private static func places(in marks: [Mark], where isBefore: (Mark) -> Bool) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(marks[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
