package import Bytes
package import Detection

extension ByteBuffer {
    /// Appends a verdict's members, without the braces around them.
    package mutating func append(_ verdict: Verdict, device: Span<UInt8>) {
        if device.count > 0 {
            append("\"device_id\":")
            append(jsonString: device)
            append(",")
        }
        append(membersOf: verdict, device: device)
    }

    /// Appends a verdict's members where the device is told elsewhere.
    @inline(__always)
    mutating func append(membersOf verdict: Verdict, device: Span<UInt8>) {
        append("\"timestamp\":")
        append(number: verdict.timestamp)
        append(",\"sequence\":")
        append(integer: verdict.sequence)
        append(",\"rolling_avg\":")
        append(number: verdict.rollingAverage)
        append(",\"std_dev\":")
        append(number: verdict.standardDeviation)
        append(",\"z_score\":")
        append(number: verdict.zScore)
        append(",\"is_anomaly\":")
        append(boolean: verdict.isAnomaly)
        if verdict.hasCPU {
            append(",\"cpu_z_score\":")
            append(number: verdict.cpuZScore)
        }
        append(",\"score\":")
        append(number: verdict.score)
        if verdict.reason == .none {
            append(expected: verdict.expected, lower: verdict.lower, upper: verdict.upper)
        } else {
            append(rangeOf: verdict)
        }
        append(",\"alert\":")
        append(boolean: verdict.alert)
        if verdict.reason != .none {
            append(",\"reason\":\"")
            append(verdict.reason.word)
            append("\"")
        }
        if verdict.isLearning { append(",\"learning\":true") }
        if verdict.incident > 0 { append(incidentOf: verdict, device: device) }
    }

    @inline(never)
    private mutating func append(rangeOf verdict: Verdict) {
        append(
            expected: verdict.expected, lower: verdict.lower, upper: verdict.upper,
            of: verdict.reason.measure)
    }

    /// Appends the members that tell what was expected, and the bounds about it; nothing where a
    /// view has none.
    @inline(__always)
    mutating func append(
        expected: Double, lower: Double, upper: Double, of measure: Reason.Measure = .load
    ) {
        guard measure != .nothing else { return }
        let isCPU = measure == .cpu
        append(isCPU ? ",\"cpu_expected\":" : ",\"expected\":")
        append(number: expected)
        append(isCPU ? ",\"cpu_lower\":" : ",\"lower\":")
        append(number: lower)
        append(isCPU ? ",\"cpu_upper\":" : ",\"upper\":")
        append(number: upper)
    }

    /// The ID as `IncidentID` spells it, without a text in between.
    @inline(never)
    private mutating func append(incidentOf verdict: Verdict, device: Span<UInt8>) {
        append(",\"incident\":\"")
        var power: UInt64 = 1
        while verdict.life / power >= 36 { power *= 36 }
        while power > 0 {
            let digit = UInt8(verdict.life / power % 36)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
            power /= 36
        }
        append("-")
        append(integer: verdict.incident)
        append("-")
        append(escaped: device)
        append("\"")
    }

    /// Appends a sample as an object.
    /// - Parameter isValue: it is of another metric than the load; what is negative always is.
    package mutating func append(
        _ sample: Sample, device: Span<UInt8>, isValue: Bool = false
    ) {
        append("{\"timestamp\":")
        append(number: sample.timestamp)
        append(cpuOf: sample)
        append(isValue || sample.rps < 0 ? ",\"value\":" : ",\"rps\":")
        append(number: sample.rps)
        if device.count > 0 {
            append(",\"device_id\":")
            append(jsonString: device)
        }
        append("}")
    }
}
