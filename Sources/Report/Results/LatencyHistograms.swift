internal import Bytes
package import Telemetry

/// Every latency of a run, in buckets, in nanoseconds: what results of several machines are added up
/// from, since percentiles can't be.
package struct LatencyHistograms: JSONRecord, Equatable, Sendable {
    package var latency = Histogram()
    package var serviceTime = Histogram()
    package var sendLag = Histogram()

    package init() {}

    package init(latency: Histogram, serviceTime: Histogram, sendLag: Histogram) {
        self.latency = latency
        self.serviceTime = serviceTime
        self.sendLag = sendLag
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("latency", &latency)
        try fields.field("service_time", &serviceTime)
        try fields.field("send_lag", &sendLag)
    }

    /// Adds another run's; false when theirs have another range.
    mutating func merge(_ other: LatencyHistograms) -> Bool {
        guard latency.canMerge(other.latency), serviceTime.canMerge(other.serviceTime),
            sendLag.canMerge(other.sendLag)
        else { return false }
        latency.merge(other.latency)
        serviceTime.merge(other.serviceTime)
        sendLag.merge(other.sendLag)
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
    /// The whole distribution in some fifty points, denser where it is rarer: 0, ½, ¾, ⅞ and so on,
    /// each half with four steps.
    package init(_ histograms: LatencyHistograms) {
        self.init()
        var shares: [Double] = []
        var rest = 1.0
        while rest * Double(Swift.max(1, histograms.latency.count)) >= 1, shares.count < 120 {
            for step in 0..<4 { shares.append(1 - rest * (1 - Double(step) / 8)) }
            rest /= 2
        }
        func milliseconds(_ histogram: Histogram) -> Column {
            Column(shares.map { Double(histogram.quantile($0)) / 1e6 })
        }
        share = Column(shares)
        latency = milliseconds(histograms.latency)
        serviceTime = milliseconds(histograms.serviceTime)
    }
}
