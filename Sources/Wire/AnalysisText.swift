package import Bytes
package import Detection

extension ByteBuffer {
    /// Appends the state of a series in the words of all dialects that ask for it.
    package mutating func append(analysis summary: SeriesSummary, _ frame: AnalysisFrame) {
        let verdict = summary.lastVerdict
        append("{\"count\":")
        append(integer: summary.windowCount)
        append(",\"windowSize\":")
        append(integer: frame.windowSize)
        append(",\"rollingAvg\":")
        append(number: summary.mean)
        append(",\"stdDev\":")
        append(number: summary.standardDeviation)
        append(",\"zScore\":")
        append(number: verdict.zScore)
        append(",\"isAnomaly\":")
        append(boolean: verdict.isAnomaly)
        append(",\"lastRps\":")
        append(number: summary.lastSample.rps)
        append(",\"lastCpu\":")
        append(number: summary.lastSample.cpu)
        append(",\"computedAt\":")
        append(integer: frame.computedAt)
        append(",\"rolling_average\":")
        append(number: summary.mean)
        append(",\"mean\":")
        append(number: summary.mean)
        append(",\"std_dev\":")
        append(number: summary.standardDeviation)
        appendTotals(summary, frame)
        append(",\"cpu\":{\"mean\":")
        append(number: summary.cpuMean)
        append(",\"std_dev\":")
        append(number: summary.cpuStandardDeviation)
        append(",\"z_score\":")
        append(number: verdict.cpuZScore)
        append("},\"score\":")
        append(number: verdict.score)
        append(",\"alert\":")
        append(boolean: verdict.alert)
        append(",\"alert_count\":")
        append(integer: summary.alerts)
        append("}")
    }

    private mutating func appendTotals(_ summary: SeriesSummary, _ frame: AnalysisFrame) {
        let total = summary.lastVerdict.sequence
        append(",\"anomaly_count\":")
        append(integer: summary.anomalies)
        append(",\"total_processed\":")
        append(integer: total)
        append(",\"anomaly_rate\":")
        append(number: total == 0 ? 0 : 100 * Double(summary.anomalies) / Double(total))
        append(",\"window_size\":")
        append(integer: frame.windowSize)
    }
}
