internal import Detection
internal import Wire

/// Keeps of many rows a few that show them all: of each stretch of the series the first, the last,
/// the one with the least rps, the one with the greatest, and every alert.
///
/// Stretches are equally long, but for the last one. They begin with one row each; when there are
/// too many, each two become one. So nobody needs to know beforehand how many rows come.
struct SeriesThinning {
    private struct Stretch {
        var count = 1
        let first: SeriesPage.Row
        var last: SeriesPage.Row
        var least: SeriesPage.Row
        var greatest: SeriesPage.Row
        var alerts: [SeriesPage.Row]

        init(_ row: SeriesPage.Row) {
            first = row
            last = row
            least = row
            greatest = row
            alerts = row.verdict.alert ? [row] : []
        }

        mutating func take(_ other: Stretch) {
            count += other.count
            last = other.last
            if other.least.sample.rps < least.sample.rps { least = other.least }
            if other.greatest.sample.rps > greatest.sample.rps { greatest = other.greatest }
            alerts += other.alerts
        }

        var rows: [SeriesPage.Row] { [first, last, least, greatest] + alerts }
    }

    private let limit: Int
    /// Rows of a full stretch.
    private var span = 1
    private var stretches: [Stretch] = []

    /// - Parameter points: rows that are kept, about; alerts may be more.
    init(points: Int) { limit = max(2, points / 4) }

    mutating func take(_ row: SeriesPage.Row) {
        let next = Stretch(row)
        if let last = stretches.indices.last, stretches[last].count < span {
            stretches[last].take(next)
            return
        }
        if stretches.count == limit { halve() }
        if let last = stretches.indices.last, stretches[last].count < span {
            stretches[last].take(next)
        } else {
            stretches.append(next)
        }
    }

    private mutating func halve() {
        span *= 2
        var fewer: [Stretch] = []
        for index in stretches.indices {
            if index.isMultiple(of: 2) {
                fewer.append(stretches[index])
            } else {
                fewer[fewer.count - 1].take(stretches[index])
            }
        }
        stretches = fewer
    }

    /// In the series' order, each once.
    var rows: [SeriesPage.Row] {
        var rows: [SeriesPage.Row] = []
        for stretch in stretches {
            let kept = stretch.rows.sorted { $0.verdict.sequence < $1.verdict.sequence }
            for row in kept where row.verdict.sequence > rows.last?.verdict.sequence ?? 0 {
                rows.append(row)
            }
        }
        return rows
    }
}
