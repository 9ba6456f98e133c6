internal import Numerics

/// Walks a signal from sample to sample.
struct Course {
    private static let noise = 10.0
    /// Bursts of a quarter of an hour's decay: chance of one, and the range of its height.
    private static let burstChance = 0.02
    private static let burstHeights = 20.0...40.0
    private static let burstDecay = 0.6
    /// A step of the random walk, and how much of its place it keeps, lest it leave for ever.
    private static let walkStep = 2.0
    private static let walkMemory = 0.999
    private static let persistence = 0.9
    /// No healthy sample is farther off than so many standard deviations where the tails are heavy:
    /// what is as far off as an anomaly could not be labelled healthy in good faith.
    private static let tailLimit = 4.5

    /// Single high samples that mean nothing: chance of one, and the range of its height.
    private static let spikeChance = 0.004
    private static let spikeHeights = 60.0...300.0
    /// A load of 0 with some exponential samples between: chance of one, and their mean.
    private static let requestChance = 0.08
    private static let requestMean = 15.0

    /// Standard deviation of a value that is exponential by a chance and else 0: √(2p − p²) m.
    static let nearZeroNoise =
        (2 * requestChance - requestChance * requestChance).squareRoot() * requestMean

    /// Noise and what is new of the bursts: p E[h²] − (p E[h])² for a height h uniform in its
    /// range.
    static let burstyNoise: Double = {
        let low = burstHeights.lowerBound
        let high = burstHeights.upperBound
        let square = (high * high + high * low + low * low) / 3
        let mean = burstChance * (low + high) / 2
        return (noise * noise + burstChance * square - mean * mean).squareRoot()
    }()

    /// The best forecast of a walk seen through noise is wrong by √(P + R), P = (Q + √(Q² + 4QR)) /
    /// 2 with the step's variance Q and the noise's R (Kalman's stationary solution).
    static let walkNoise: Double = {
        let step = walkStep * walkStep
        let seen = noise * noise
        return ((step + (step * step + 4 * step * seen).squareRoot()) / 2 + seen).squareRoot()
    }()

    private let signal: Signal
    private let count: Int
    private let stepSeconds: Double
    private var burst = 0.0
    private var walk = 0.0
    private var sinceReset = 0
    private var resetAt = 400

    init(_ signal: Signal, count: Int, stepSeconds: Double) {
        self.signal = signal
        self.count = count
        self.stepSeconds = stepSeconds
    }

    /// The course at `index` and a healthy sample of it, in requests per second.
    mutating func next(_ index: Int, _ random: inout SeededRandom) -> (course: Double, rps: Double)
    {
        let course = course(index, &random)
        switch signal {
        case .counts: return (course, poisson(course, &random))
        case .heavyTailed: return (course, max(0, course + Course.noise * laplace(&random)))
        case .wildTailed: return (course, max(0, course + Course.noise * student(&random)))
        case .nearZero: return (course, request(&random))
        default:
            // What bursts, spikes and the walk add is in the course already; the rest is plain
            // noise.
            let deviation =
                signal == .bursty || signal == .randomWalk
                ? Course.noise : signal.noise(at: Double(index) / Double(count))
            let rps = max(0, course + deviation * random.gaussian())
            // A second later most of the noise is still there.
            if signal == .perSecond { walk = rps - signal.level }
            return (course, rps)
        }
    }

    private mutating func course(_ index: Int, _ random: inout SeededRandom) -> Double {
        let day = Double(index) * stepSeconds / 86_400
        let slot = index % 288
        switch signal {
        case .constant, .heavyTailed, .wildTailed, .counts, .nearConstant, .growing:
            return signal.level
        case .nearZero: return Course.requestChance * Course.requestMean
        case .spiky:
            let isSpike = random.unit() < Course.spikeChance
            return signal.level + (isSpike ? uniform(Course.spikeHeights, &random) : 0)
        case .daily: return signal.level + 150 * Course.rhythm(day)
        case .weekly:
            let isWeekend = Int(day) % 7 >= 5
            return signal.level + (isWeekend ? 50 : 150) * Course.rhythm(day) - (isWeekend ? 80 : 0)
        case .trending: return 300 + 4 * day
        case .bursty:
            burst *= Course.burstDecay
            if random.unit() < Course.burstChance { burst += uniform(Course.burstHeights, &random) }
            return signal.level + burst
        case .randomWalk:
            walk = Course.walkMemory * walk + Course.walkStep * random.gaussian()
            return 500 + walk
        case .hourlyJob: return signal.level + (slot % 12 == 0 ? 100 : 0)
        case .nightlyJob: return signal.level + ((24..<27).contains(slot) ? 200 : 0)
        case .sawtooth: return 100 + sawtooth(&random)
        case .perSecond: return signal.level + Course.persistence * walk
        }
    }

    /// Lowest at midnight, highest at noon.
    private static func rhythm(_ day: Double) -> Double {
        sine(2 * Double.pi * (day - 0.25))
    }

    /// Climbs by one a sample, and starts again after 350 to 450.
    private mutating func sawtooth(_ random: inout SeededRandom) -> Double {
        sinceReset += 1
        if sinceReset >= resetAt {
            sinceReset = 0
            resetAt = 350 + random.below(101)
        }
        return Double(sinceReset)
    }

    private func uniform(_ range: ClosedRange<Double>, _ random: inout SeededRandom) -> Double {
        range.lowerBound + random.unit() * (range.upperBound - range.lowerBound)
    }

    /// Laplace of standard deviation 1, drawn again beyond the tail's limit.
    private func laplace(_ random: inout SeededRandom) -> Double {
        while true {
            let u = random.unit() - 0.5
            let size = -naturalLogarithm(1 - 2 * u.magnitude) / 2.0.squareRoot()
            if size <= Course.tailLimit { return u < 0 ? -size : size }
        }
    }

    /// Student's t with four degrees of freedom, scaled to a standard deviation of 1: a normal one
    /// over the root of a quarter of a chi-square with four, which is -2 ln of two uniforms'
    /// product.
    private func student(_ random: inout SeededRandom) -> Double {
        let normal = random.gaussian()
        let product = (1 - random.unit()) * (1 - random.unit())
        let chiSquare = -2 * naturalLogarithm(product)
        return normal / (chiSquare / 4).squareRoot() / 2.0.squareRoot()
    }

    private func request(_ random: inout SeededRandom) -> Double {
        guard random.unit() < Course.requestChance else { return 0 }
        return -Course.requestMean * naturalLogarithm(1 - random.unit())
    }

    /// Knuth's product of uniforms (The Art of Computer Programming 3.4.1); for means of some
    /// dozens.
    private func poisson(_ mean: Double, _ random: inout SeededRandom) -> Double {
        let limit = exponential(-mean)
        var product = random.unit()
        var count = 0.0
        while product > limit {
            product *= random.unit()
            count += 1
        }
        return count
    }
}
