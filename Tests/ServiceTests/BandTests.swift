import Detection
import Signals
import Testing

/// What is said of alerts holds on all generated series.
@Suite struct BandTests {
    @Test(
        "an alert for its size lies outside its band, of the load or of the cpu",
        arguments: Suite.all.map(\.name))
    func liesOutside(_ name: String) throws {
        let suite = try #require(Suite.named(name))
        let seed = UInt64.random(in: 0...UInt64.max)
        let parameters = FoldParameters()
        var alerts: [Reason: Int] = [:]
        for series in suite.series(seed: seed) {
            var fold = SeriesFold(parameters)
            for sample in series.samples {
                let sample = Sample(
                    timestamp: sample.timestamp, cpu: sample.cpu, rps: sample.rps)
                let verdict = fold.fold(sample, parameters)
                guard verdict.alert else { continue }
                alerts[verdict.reason, default: 0] += 1
                let value: Double
                switch verdict.reason {
                case .spike, .jump, .daily: value = sample.rps
                case .cpu: value = sample.cpu
                case .none, .level, .flat, .gap: continue
                }
                let slack = 1e-9 * max(1, value.magnitude)
                #expect(
                    value <= verdict.lower + slack || value >= verdict.upper - slack,
                    "seed \(seed) \(series.name) at \(verdict.sequence): \(value) in \(verdict)")
            }
        }
        #expect(alerts.values.reduce(0, +) > 3, "seed \(seed): \(alerts)")
    }
}
