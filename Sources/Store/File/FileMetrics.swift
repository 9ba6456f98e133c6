internal import Bytes
internal import Telemetry

/// What a process counts of its file; written by one loop and the file's thread, read by any.
final class FileMetrics: Sendable {
    enum Counter: Int, CaseIterable, Sendable {
        case commits, faults, damaged
        case checkpointsWritten, relearned, trims, notUnderstood
        case evicted, expired
        case timedOut, queueFull
        // Gauges.
        case isUp, waiting, bytes, oldestKey, loaded
    }

    private let counters = CounterTable(count: Counter.allCases.count)
    /// From a transaction's begin to its end.
    let durations = DurationBuckets()

    func add(_ amount: Int, _ counter: Counter) { counters.add(amount, to: counter.rawValue) }
    func set(_ value: Int, _ counter: Counter) { counters.set(value, at: counter.rawValue) }
    func value(_ counter: Counter) -> Int { counters[counter.rawValue] }

    private static let totals: [(String, String, Counter)] = [
        ("file_commits_total", "Transactions that stored something.", .commits),
        (
            "file_faults_total", "Transactions that failed, or a file that could not be opened.",
            .faults
        ),
        ("file_damaged_rows_total", "Rows whose check sum was wrong.", .damaged),
        (
            "file_entries_not_understood_total", "Entries of the log that say nothing.",
            .notUnderstood
        ),
        ("file_checkpoints_total", "Checkpoints of series written anew.", .checkpointsWritten),
        ("file_trims_total", "Trims of the log.", .trims),
        (
            "series_relearned_total", "Checkpoints of another version or of other parameters.",
            .relearned
        ),
    ]

    func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        writer.writeSeriesDropped(evicted: value(.evicted), expired: value(.expired), into: &output)
        for (name, help, counter) in FileMetrics.totals {
            writer.single(name, .counter, help: help, value: Double(value(counter)), into: &output)
        }
        writer.family(
            "file_refused_requests_total", .counter,
            help: "Requests answered 503 because of the file, by why.", into: &output)
        writer.sample(Double(value(.timedOut)), labels: "reason=\"timeout\"", into: &output)
        writer.sample(Double(value(.queueFull)), labels: "reason=\"queue_full\"", into: &output)
        writer.single(
            "file_waiting_samples", .gauge, help: "Samples on their way into the log.",
            value: Double(value(.waiting)), into: &output)
        writer.single(
            "file_loaded_devices", .gauge,
            help: "Devices of which the process keeps something in memory (MAX_DEVICES).",
            value: Double(value(.loaded)), into: &output)
        writer.single(
            "file_bytes", .gauge, help: "Bytes of the file and of its write-ahead log.",
            value: Double(value(.bytes)), into: &output)
        writer.durations(
            "file_commit_duration_seconds", help: "From a transaction's begin to its end.",
            [durations], into: &output)
    }
}
