/// The rule of the five services on its own: rolling statistics, z-scores, the anomaly flag.
package struct WindowJudge: ~Copyable {
    var window: Window

    package init(_ parameters: FoldParameters) {
        window = Window(size: parameters.windowSize)
    }

    /// Takes a sample in and fills the verdict's part that the window decides. `verdict` is that of
    /// the sample before; its sequence moves on by one.
    @inline(__always)
    package mutating func judge(
        _ sample: Sample, _ verdict: inout Verdict, _ parameters: FoldParameters
    ) {
        let value = Pair(sample.rps, sample.cpu)
        if verdict.sequence >= parameters.minimumSamples {
            let scores = ZScore.scores(
                value, mean: window.moments.mean, deviation: window.moments.deviation)
            verdict.zScore = scores.x
            verdict.cpuZScore = scores.y
            verdict.isAnomaly = scores.x.magnitude > parameters.zThreshold
        }
        window.push(value)
        verdict.sequence &+= 1
        verdict.rollingAverage = window.moments.mean.x
        verdict.standardDeviation = window.moments.deviation.x
    }
}
