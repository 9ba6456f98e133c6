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
        append(",\"expected\":")
        append(number: verdict.expected)
        append(",\"lower\":")
        append(number: verdict.lower)
        append(",\"upper\":")
        append(number: verdict.upper)
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
    private mutating func append(incidentOf verdict: Verdict, device: Span<UInt8>) {
        append(",\"incident\":")
        append(
            jsonString: IncidentID(
                life: verdict.life, sequence: verdict.incident, device: device.copied
            ).text)
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
