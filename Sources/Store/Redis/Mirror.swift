internal import Detection
internal import Bytes
internal import SeriesLog
internal import Wire

/// Gathers what was stored in a turn, for the readable keys of the five services. Nobody waits for
/// them.
struct Mirror {
    /// Samples of one turn that are mirrored. The rest of a flood is left out, and counted.
    private static let sampleLimit = 256

    private var samples: [MirroredSample] = []

    var isEmpty: Bool { samples.isEmpty }

    mutating func add(_ batch: borrowing SampleBatch, _ metrics: RedisMetrics) {
        for index in 0..<batch.samples.count {
            guard samples.count < Mirror.sampleLimit else {
                metrics.add(batch.samples.count - index, .sideWritesDropped)
                return
            }
            let decoded = batch.samples[index]
            var key = ByteBuffer(limit: 256)
            key.append("metric:")
            key.append(number: decoded.sample.timestamp)
            var text = ByteBuffer(limit: 4096)
            text.append(
                decoded.sample, device: batch.name(decoded), isValue: decoded.isValue)
            samples.append(
                MirroredSample(key: Array(key.readable), text: Array(text.readable)))
        }
    }

    /// Writes the samples and the fleet's analysis.
    mutating func publish(_ frame: AnalysisFrame, to machine: inout RedisMachine) {
        machine.mirror(samples: samples)
        samples.removeAll(keepingCapacity: true)
        var text = ByteBuffer(limit: 4096)
        text.append(analysis: machine.fleetSummary(), frame)
        machine.mirror(analysis: Array(text.readable))
    }
}
