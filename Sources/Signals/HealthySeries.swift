package import Numerics

/// A series in which nothing is wrong, with what only its maker knows.
package struct HealthySeries: Sendable {
    /// Standard deviation of cpu about what the load explains, in percent.
    package static let cpuNoise = 0.5
    /// Percent that the machine takes for itself, and that the signal's level of load takes
    /// besides.
    private static let idleCPU = 5.0
    private static let levelCPU = 20.0

    package let signal: Signal
    package private(set) var samples: [SignalSample] = []
    /// Where the load would be without noise, in requests per second.
    package private(set) var course: [Double] = []

    /// - Parameter stepSeconds: between two samples; the signal's own where nil.
    package init(
        _ signal: Signal, count: Int, stepSeconds: Double? = nil, _ random: inout SeededRandom
    ) {
        self.signal = signal
        let step = stepSeconds ?? signal.stepSeconds
        var walker = Course(signal, count: count, stepSeconds: step)
        samples.reserveCapacity(count)
        course.reserveCapacity(count)
        for index in 0..<count {
            let next = walker.next(index, &random)
            let cpu =
                HealthySeries.idleCPU + cpuPerRequest * next.rps
                + HealthySeries.cpuNoise * random.gaussian()
            course.append(next.course)
            samples.append(
                SignalSample(
                    timestamp: Signal.startTimestamp + Double(index) * step,
                    rps: Signal.rounded(next.rps), cpu: Signal.rounded(max(0, cpu))))
        }
    }

    /// Percent of cpu that one request per second takes: work per request is steady.
    package var cpuPerRequest: Double { HealthySeries.levelCPU / signal.level }

    /// Standard deviation of the signal's own noise at a sample, in requests per second.
    package func noise(_ index: Int) -> Double {
        signal.noise(at: Double(index) / Double(samples.count))
    }
}
