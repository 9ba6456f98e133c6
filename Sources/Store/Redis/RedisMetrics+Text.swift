package import Bytes
package import Telemetry

/// The families that tell what the process had to do with Redis.
extension SharedRedis {
    package func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer) {
        writer.writeSeriesDropped(
            evicted: metrics.value(.evicted), expired: metrics.value(.expired), into: &output)
        writer.single(
            "redis_up", .gauge, help: "1 while samples of every log can be stored.",
            value: isUp ? 1 : 0, into: &output)
        for family in SharedRedis.labelled { write(family, &writer, into: &output) }
        for (name, help, counter) in SharedRedis.single {
            writer.single(name, .counter, help: help, value: total(counter), into: &output)
        }
        writer.single(
            "redis_waiting_samples", .gauge, help: "Samples on their way into the log.",
            value: Double(metrics.value(.waiting)), into: &output)
        writer.single(
            "redis_replicas_wanted", .gauge, help: "REDIS_REPLICAS.",
            value: Double(metrics.value(.replicasWanted)), into: &output)
        writer.single(
            "redis_replicas_confirming", .gauge,
            help: "Replicas that confirm what is written, of the server with the fewest; at most "
                + "as many as are wanted.",
            value: Double(metrics.value(.replicasConfirming)), into: &output)
        writer.single(
            "redis_memory_used_bytes", .gauge, help: "Memory that Redis uses.",
            value: Double(metrics.value(.memoryUsed)), into: &output)
        writer.single(
            "redis_memory_limit_bytes", .gauge,
            help: "Memory that Redis may use; 0 is without limit.",
            value: Double(metrics.value(.memoryLimit)), into: &output)
        writeFlights(&writer, into: &output)
    }

    private func total(_ counter: RedisMetrics.Counter) -> Double {
        Double(metrics.value(counter))
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
        ("redis_entries_read_total", "Entries of logs taken in.", .entriesRead),
        (
            "redis_entries_not_understood_total", "Entries that no version of this program wrote.",
            .entriesNotUnderstood
        ),
        ("redis_checkpoints_read_total", "Checkpoints of series read.", .checkpointsRead),
        ("redis_checkpoints_total", "Checkpoints of series written anew.", .checkpointsWritten),
        (
            "series_relearned_total", "Checkpoints of another version or of other parameters.",
            .relearned
        ),
        ("redis_trims_total", "Trims of logs by this process.", .trims),
        ("redis_trims_lost_total", "Trims in which another process was faster.", .trimsLost),
        (
            "redis_gaps_total",
            "Parts of a log, or whole logs, that were gone before they were read.", .gaps
        ),
        ("redis_log_resets_total", "Logs that were read from their beginning.", .resets),
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
        writer.durations(
            "redis_command_duration_seconds", help: "From a pipeline's sending to its last reply.",
            [metrics.durations], into: &output)
        writer.family(
            "redis_batch_samples", .histogram, help: "Samples of one pipeline.",
            into: &output)
        writer.histogram(
            upperBounds: RedisMetrics.batchBounds,
            counts: (0...RedisMetrics.batchBounds.count).map { bucket in
                metrics.pipelines(inBucket: bucket)
            },
            sum: total(.pipelineSamples), into: &output)
    }
}
