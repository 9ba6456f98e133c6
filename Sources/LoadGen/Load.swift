internal import Bytes
package import Options

/// Why a text is no load.
private func misread(_ flag: String, _ text: String, allowed form: String) -> OptionError {
    OptionError("\(flag): \"\(text)\" is not allowed; allowed is \(form)")
}

/// What decides when requests are sent.
package enum Load: Equatable, Sendable {
    /// The plan decides: answers have no say.
    case open(RateCurve)
    /// Each connection sends when its answer is there.
    case closed(seconds: Double)

    private static let rates = 0.1...10_000_000.0
    private static let lengths = 0.1...86_400.0

    package var seconds: Double {
        switch self {
        case .open(let curve): curve.seconds
        case .closed(let seconds): seconds
        }
    }

    /// Reads `--rate`, `--ramp`, `--steps` and `--duration`; without one of the first three the
    /// loop is closed.
    package init(_ options: inout Options, standard: RateCurve?) throws(OptionError) {
        let rate = try options.decimal("--rate", in: Load.rates)
        let ramp = options.text("--ramp")
        let steps = options.text("--steps")
        let isClosed = options.isSet("--closed")
        guard [rate != nil, ramp != nil, steps != nil, isClosed].filter({ $0 }).count <= 1 else {
            throw OptionError("--rate, --ramp, --steps, --closed: one of them")
        }
        let length = try options.seconds("--duration", 0, in: Load.lengths)
        var curve: RateCurve?
        if let rate {
            curve = RateCurve(rate: rate, seconds: length > 0 ? length : standard?.seconds ?? 30)
        } else if let ramp {
            curve = try Load.ramp(ramp)
        } else if let steps {
            curve = try Load.steps(steps)
        } else if !isClosed {
            curve = standard
        }
        switch curve {
        case .some(let curve): self = .open(length > 0 ? curve.lasting(length) : curve)
        case .none: self = .closed(seconds: length > 0 ? length : 30)
        }
    }

    /// `100..5000/60s`: from the first rate to the second in that time.
    private static func ramp(_ text: String) throws(OptionError) -> RateCurve {
        let form = "FROM..TO/TIME, such as 100..5000/60s"
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let dots = halves[0].firstRange(of: ".."),
            let from = Double(halves[0][..<dots.lowerBound]), from == 0 || rates.contains(from),
            let to = Double(halves[0][dots.upperBound...]), to == 0 || rates.contains(to),
            from + to > 0, let seconds = Duration.parse(halves[1])?.seconds,
            lengths.contains(seconds)
        else { throw misread("--ramp", text, allowed: form) }
        return RateCurve([RateCurve.Stretch(seconds: seconds, from: from, to: to)])
    }

    /// `500,1000,2000x30s`: each rate for that time.
    private static func steps(_ text: String) throws(OptionError) -> RateCurve {
        let form = "RATE,RATE,…xTIME, such as 500,1000,2000x30s"
        let halves = text.split(separator: "x", omittingEmptySubsequences: false)
        guard halves.count == 2, let seconds = Duration.parse(halves[1])?.seconds,
            lengths.contains(seconds)
        else { throw misread("--steps", text, allowed: form) }
        var stretches: [RateCurve.Stretch] = []
        for part in halves[0].split(separator: ",", omittingEmptySubsequences: false) {
            guard let rate = Double(part), rates.contains(rate), stretches.count < 1000 else {
                throw misread("--steps", text, allowed: form)
            }
            stretches.append(RateCurve.Stretch(seconds: seconds, from: rate, to: rate))
        }
        return RateCurve(stretches)
    }
}
