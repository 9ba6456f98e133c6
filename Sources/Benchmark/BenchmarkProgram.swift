internal import Bytes
internal import Detection
internal import Numerics

/// Measures the parts of a request: nanoseconds per operation, the median of several rounds.
///
/// Prints one line per benchmark: its name, the median and the least.
@main
enum BenchmarkProgram {
    static func main() {
        let samples = makeSamples()
        report("window and z-score, rps and cpu", operations: samples.count) { windowOnly(samples) }
        report("adaptive detector", operations: samples.count) { adaptiveOnly(samples) }
        report("fold, everything", operations: samples.count) { wholeFold(samples) }
        report("decimal text of a double", operations: samples.count) { format(samples) }
        report("number from JSON", operations: samples.count) { parse(samples) }
        HistogramBenchmark.run()
        let bytes = MemoryLayout<SeriesFold>.size + Window.storageBytes(size: 50)
        print("state of a series with a window of 50: \(bytes) bytes")
        print("of it the adaptive detector: \(MemoryLayout<AdaptiveDetector>.size) bytes")
    }
}

private let rounds = 9

/// A daily rhythm with noise, so that every view of the detector has work.
private func makeSamples() -> [Sample] {
    var random = SeededRandom(seed: 1)
    return (0..<200_000).map { index in
        let rhythm = sine(Double(index) * 2 * Double.pi / 288)
        return Sample(
            timestamp: 1_700_000_000 + Double(index) * 300, cpu: 20 + random.unit(),
            rps: 400 + 150 * rhythm + 10 * random.gaussian())
    }
}

/// Runs `body` several times and prints the median time of one of its operations. The result of
/// `body` is checked, so that the compiler cannot remove any of its work.
private func report(_ name: String, operations: Int, _ body: () -> Double) {
    var times: [Double] = []
    for _ in 0..<rounds {
        let clock = ContinuousClock()
        let start = clock.now
        let result = body()
        let took = start.duration(to: clock.now)
        precondition(result.isFinite, "a benchmark must compute something")
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) * 1e-18
        times.append(seconds * 1e9 / Double(operations))
    }
    times.sort()
    let median = (times[rounds / 2] * 10).rounded() / 10
    let least = (times[0] * 10).rounded() / 10
    print("\(name): \(median) ns (least \(least))")
}

private func windowOnly(_ samples: [Sample]) -> Double {
    let parameters = FoldParameters()
    var window = WindowJudge(parameters)
    var verdict = Verdict()
    var sum = 0.0
    for sample in samples {
        window.judge(sample, into: &verdict, samplesBefore: verdict.sequence, parameters)
        sum += verdict.zScore
    }
    return sum
}

private func adaptiveOnly(_ samples: [Sample]) -> Double {
    var detector = AdaptiveDetector()
    var verdict = Verdict()
    var sum = 0.0
    for sample in samples {
        detector.judge(sample, &verdict, threshold: 8)
        sum += verdict.score
    }
    return sum
}

private func wholeFold(_ samples: [Sample]) -> Double {
    let parameters = FoldParameters()
    var fold = SeriesFold(parameters)
    var sum = 0.0
    for sample in samples { sum += fold.fold(sample, parameters).score }
    return sum
}

private func format(_ samples: [Sample]) -> Double {
    var buffer = ByteBuffer(limit: 1024)
    var sum = 0
    for sample in samples {
        buffer.removeAll()
        buffer.append(number: sample.rps)
        sum += buffer.count
    }
    return Double(sum)
}

private func parse(_ samples: [Sample]) -> Double {
    let text = Array("412.75".utf8)
    var sum = 0.0
    for _ in samples {
        var cursor = JSONCursor(text.span)
        sum += (try? cursor.number()) ?? 0
    }
    return sum
}
