/// The rule of the five services on its own: rolling statistics, z-scores, the anomaly flag.
package struct WindowJudge: ~Copyable {
    var window: Window

    package init(_ parameters: FoldParameters) {
        window = Window(size: parameters.windowSize)
    }

    /// Takes a sample in and fills the verdict's part that the window decides. `verdict` is that of
    /// the sample before; its sequence moves on by one.
    /// - Parameter samplesBefore: how many this judge has seen, those that left the window
    ///   included. A series of which only the end could be read counts on from more.
    @inline(__always)
    package mutating func judge(
        _ sample: Sample, into verdict: inout Verdict, samplesBefore: Int,
        _ parameters: FoldParameters
    ) {
        let value = Pair(sample.rps, sample.cpu)
        let isPlain = sample.hasCPU && !window.hasGaps
        if samplesBefore >= parameters.minimumSamples {
            let scores = ZScore.scores(
                value, mean: window.moments.mean, deviation: window.moments.deviation)
            verdict.zScore = scores.x
            verdict.cpuZScore = scores.y
            verdict.isAnomaly = scores.x.magnitude > parameters.zThreshold
        }
        verdict.hasCPU = sample.hasCPU
        if !isPlain, !isCPUJudged(sample, parameters) { verdict.cpuZScore = 0 }
        window.push(value)
        verdict.sequence &+= 1
        verdict.rollingAverage = window.moments.mean.x
        verdict.standardDeviation = window.moments.deviation.x
    }

    /// Whether there is a cpu, and enough of them before it.
    private func isCPUJudged(_ sample: Sample, _ parameters: FoldParameters) -> Bool {
        sample.hasCPU && window.measured >= min(parameters.minimumSamples, parameters.windowSize)
    }
}
