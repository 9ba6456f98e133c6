package import Bytes
package import Telemetry

/// The families that tell what all loops of the process had to do with Redis.
extension SharedRedis {
    package func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        // Redis' own list bounds the devices; a process drops nothing that counts.
        writer.writeSeriesDropped(evicted: 0, expired: 0, into: &output)
        writer.single(
            "redis_up", .gauge, help: "1 while every loop reaches what it needs to store a sample.",
            value: isUp ? 1 : 0, into: &output)
        for family in SharedRedis.labelled { write(family, &writer, into: &output) }
        for (name, help, counter) in SharedRedis.single {
            writer.single(name, .counter, help: help, value: total(counter), into: &output)
        }
        writer.single(
            "redis_waiting_samples", .gauge, help: "Samples on their way into the log.",
            value: Double(metrics.reduce(0) { $0 + $1.value(.waiting) }), into: &output)
        writeFlights(&writer, into: &output)
    }

    private func total(_ counter: RedisMetrics.Counter) -> Double {
        Double(metrics.reduce(0) { $0 + $1.value(counter) })
    }

    private struct LabelledFamily {
        let name: String
        let help: String
        let label: String
        let values: [(String, RedisMetrics.Counter)]
    }

    private static let labelled = [
        LabelledFamily(
            name: "redis_commands_total", help: "Commands by how they ended.", label: "outcome",
            values: [
                ("ok", .commandsOK), ("error", .commandsFailed),
                ("redirected", .commandsRedirected), ("lost", .commandsLost),
            ]),
        LabelledFamily(
            name: "redis_reads_total", help: "Streams read, by why.", label: "why",
            values: [
                ("load", .loads), ("check", .checks), ("catch_up_device", .deviceCatchUps),
                ("catch_up_fleet", .fleetCatchUps),
            ]),
        LabelledFamily(
            name: "redis_settled_total",
            help: "Entries in flight on a cut connection, by what was found.", label: "outcome",
            values: [
                ("found", .settledFound), ("sent_again", .settledSentAgain),
                ("unknown", .settledUnknown),
            ]),
        LabelledFamily(
            name: "redis_refused_requests_total",
            help: "Requests answered 503 because of Redis, by why.", label: "reason",
            values: [("timeout", .timedOut), ("queue_full", .queueFull)]),
    ]

    private static let single: [(String, String, RedisMetrics.Counter)] = [
        ("redis_entries_read_total", "Entries of streams read.", .entriesRead),
        (
            "redis_entries_not_understood_total", "Entries that no version of this program wrote.",
            .entriesNotUnderstood
        ),
        ("redis_checkpoints_total", "Checkpoints written.", .checkpointsWritten),
        (
            "redis_checkpoints_refused_total", "Checkpoints of another build or other parameters.",
            .checkpointsRefused
        ),
        ("redis_gaps_total", "Parts of a series' log that were gone before they were read.", .gaps),
        ("redis_connections_lost_total", "Connections that were cut.", .connectionsLost),
        (
            "redis_side_writes_dropped_total", "Writes beside the series for which no room was.",
            .sideWritesDropped
        ),
    ]

    private func write(
        _ family: LabelledFamily, _ writer: inout ExpositionWriter, into output: inout ByteBuffer
    ) {
        writer.family(family.name, .counter, help: family.help, into: &output)
        for (value, counter) in family.values {
            writer.sample(
                total(counter), labels: "\(family.label)=\"\(value)\"", into: &output)
        }
    }

    private func writeFlights(
        _ writer: inout ExpositionWriter, into output: inout ByteBuffer
    ) {
        let bounds = DurationBuckets.upperBounds
        writer.family(
            "redis_command_duration_seconds", .histogram,
            help: "From a pipeline's sending to its last reply.", into: &output)
        writer.histogram(
            upperBounds: bounds,
            counts: (0...bounds.count).map { bucket in
                metrics.reduce(0) { $0 + $1.durations.count(inBucket: bucket) }
            },
            sum: metrics.reduce(0) { $0 + $1.durations.sumSeconds }, into: &output)
        writer.family(
            "redis_batch_samples", .histogram, help: "Samples of one pipeline, in all its series.",
            into: &output)
        writer.histogram(
            upperBounds: RedisMetrics.batchBounds,
            counts: (0...RedisMetrics.batchBounds.count).map { bucket in
                metrics.reduce(0) { $0 + $1.pipelines(inBucket: bucket) }
            },
            sum: total(.pipelineSamples), into: &output)
    }
}
