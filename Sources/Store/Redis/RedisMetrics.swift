internal import Redis
package import Telemetry

/// What a process counts of its dealings with Redis; written by one loop, read by any thread.
package final class RedisMetrics: Sendable {
    package enum Counter: Int, CaseIterable, Sendable {
        /// Commands by how they ended.
        case commandsOK, commandsFailed, commandsRedirected, commandsLost
        /// Entries of logs, checkpoints and trims; taken over from the logs.
        case entriesRead, entriesNotUnderstood
        case checkpointsRead, checkpointsWritten, relearned
        case trims, trimsLost
        /// Parts of a log that are gone, and logs that were read from their beginning.
        case gaps, resets
        /// Entries in flight on a connection that was cut: found in the log, sent again, or
        /// unknown.
        case settledFound, settledSentAgain, settledUnknown
        case duplicates, evicted, expired
        case connectionsLost
        case timedOut, queueFull
        /// Writes beside the series that found no room in their queue.
        case sideWritesDropped
        case pipelines, pipelineSamples
    }

    /// Upper bounds of the number of samples in a pipeline.
    package static let batchBounds: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096]

    private let counters = CounterTable(count: Counter.allCases.count)
    private let batches = CounterTable(count: batchBounds.count + 1)
    /// From a pipeline's sending to its last reply.
    package let durations = DurationBuckets()
    private let state = CounterTable(count: State.allCases.count)

    /// Gauges.
    package enum State: Int, CaseIterable, Sendable {
        /// 1 while samples of every log can be stored.
        case isUp
        /// Samples that wait to be stored.
        case waiting
        /// Bytes of memory: used, and allowed (0 is without limit).
        case memoryUsed, memoryLimit
        /// Replicas that confirm, where they are fewest, and those that are wanted.
        case replicasConfirming, replicasWanted
        /// When the oldest request came whose key is remembered, in Unix seconds; 0 for none.
        case oldestKey
    }

    package init() {}

    package func add(_ amount: Int, _ counter: Counter) {
        counters.add(amount, to: counter.rawValue)
    }

    /// Takes over what a log has counted in all.
    func set(_ value: Int, _ counter: Counter) { counters.set(value, at: counter.rawValue) }

    package func value(_ counter: Counter) -> Int { counters[counter.rawValue] }

    package func set(_ value: Int, _ gauge: State) { state.set(value, at: gauge.rawValue) }
    package func value(_ gauge: State) -> Int { state[gauge.rawValue] }

    func recordPipeline(samples: Int) {
        add(1, .pipelines)
        add(samples, .pipelineSamples)
        var bucket = 0
        while bucket < RedisMetrics.batchBounds.count,
            Double(samples) > RedisMetrics.batchBounds[bucket]
        { bucket += 1 }
        batches.add(1, to: bucket)
    }

    package func pipelines(inBucket bucket: Int) -> Int { batches[bucket] }
}
