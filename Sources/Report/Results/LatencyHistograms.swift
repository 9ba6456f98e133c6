internal import Bytes
package import Telemetry

/// Every latency of a run, in buckets, in nanoseconds: what results of several machines are added
/// up from, since percentiles can't be.
package struct LatencyHistograms: JSONRecord, Equatable, Sendable {
    /// Those of one action.
    package struct OfAction: JSONRecord, Equatable, Sendable {
        package var latency = Histogram()
        package var good = Histogram()

        package init() {}

        package init(latency: Histogram, good: Histogram) {
            self.latency = latency
            self.good = good
        }

        package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
            throws(Visitor.Failure)
        {
            try fields.field("latency", &latency)
            try fields.field("latency_good", &good)
        }
    }

    package var latency = Histogram()
    /// Of good answers alone.
    package var good = Histogram()
    package var serviceTime = Histogram()
    package var sendLag = Histogram()
    package var actions: [String: OfAction] = [:]
    package var steps: [Histogram] = []

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("latency", &latency)
        try fields.field("latency_good", &good)
        try fields.field("service_time", &serviceTime)
        try fields.field("send_lag", &sendLag)
        try fields.field("actions", &actions)
        try fields.field("steps", &steps)
    }

    /// Adds another run's. Steps are kept where both have as many.
    /// - Returns: false when theirs have another range, so that they can't be added.
    mutating func merge(_ other: LatencyHistograms) -> Bool {
        for (name, theirs) in other.actions {
            guard var own = actions[name] else {
                actions[name] = theirs
                continue
            }
            guard own.latency.add(theirs.latency), own.good.add(theirs.good) else { return false }
            actions[name] = own
        }
        if steps.count == other.steps.count {
            for index in steps.indices where !steps[index].add(other.steps[index]) { return false }
        } else {
            steps = []
        }
        return latency.add(other.latency) && good.add(other.good)
            && serviceTime.add(other.serviceTime) && sendLag.add(other.sendLag)
    }
}

extension Histogram {
    /// Adds another one of the same range; false when it has another.
    fileprivate mutating func add(_ other: Histogram) -> Bool {
        guard limit == other.limit else { return false }
        merge(other)
        return true
    }
}

extension Histogram: JSONRepresentable {
    package var json: JSONNode {
        .object([
            JSONNode.Member("hdr_v2_base64", .text(String(base64: encodedCounts))),
            JSONNode.Member("sum_ns", .number(sum)), JSONNode.Member("max_ns", maximum.json),
        ])
    }

    package init(json: JSONNode) throws(FieldError) {
        var stored = StoredHistogram()
        stored = try StoredHistogram(json: json)
        guard let bytes = stored.counts.base64Bytes,
            let histogram = Histogram(
                encodedCounts: bytes, sum: stored.sum, maximum: stored.maximum)
        else {
            throw FieldError(
                field: "hdr_v2_base64", problem: "is no histogram of three digits in Base64")
        }
        self = histogram
    }
}

private struct StoredHistogram: JSONRecord {
    var counts = ""
    var sum = 0.0
    var maximum = 0

    mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor) throws(Visitor.Failure) {
        try fields.field("hdr_v2_base64", &counts)
        try fields.field("sum_ns", &sum)
        try fields.field("max_ns", &maximum)
    }
}

extension LatencySummary {
    /// - Parameter unit: nanoseconds of the unit that the figures are in.
    package init(_ histogram: Histogram, unit: Double) {
        self.init(mean: histogram.mean / unit, max: Double(histogram.maximum) / unit) {
            Double(histogram.quantile($0)) / unit
        }
    }
}

extension LatencyDistribution {
    package init(_ histograms: LatencyHistograms) {
        self.init(latency: histograms.latency)
        serviceTime = Column(
            share.values.map { Double(histograms.serviceTime.quantile($0)) / 1e6 })
    }

    /// The whole distribution in some fifty points, denser where it is rarer: 0, ½, ¾, ⅞ and so on,
    /// each half with four steps.
    init(latency histogram: Histogram) {
        self.init()
        var shares: [Double] = []
        var rest = 1.0
        while rest * Double(max(1, histogram.count)) >= 1, shares.count < 120 {
            for step in 0..<4 { shares.append(1 - rest * (1 - Double(step) / 8)) }
            rest /= 2
        }
        share = Column(shares)
        latency = Column(shares.map { Double(histogram.quantile($0)) / 1e6 })
    }
}
