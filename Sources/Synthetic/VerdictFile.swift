internal import Bytes
internal import Scoring
internal import Signals

/// Verdicts as CSV, a line per sample: `series,index,timestamp,value,is_anomaly,alert,score`. Any
/// tool can write it and be judged; the two flags are 0 or 1, a tool with only one flag writes it
/// twice.
enum VerdictFile {
    static let header: StaticString = "series,index,timestamp,value,is_anomaly,alert,score\n"

    static func append(
        _ series: LabelledSeries, at index: Int, _ judgment: Judgment, to output: inout ByteBuffer
    ) {
        output.append(text: series.name)
        output.append(",")
        output.append(integer: index)
        output.append(",")
        output.append(number: series.samples[index].timestamp)
        output.append(",")
        output.append(number: series.samples[index].rps)
        output.append(judgment.isAnomaly ? ",1" : ",0")
        output.append(judgment.alert ? ",1," : ",0,")
        output.append(number: judgment.score)
        output.append("\n")
    }

    /// Reads verdicts back, by series, in the order of their index.
    static func parse(_ bytes: [UInt8]) throws(CommandError) -> [String: [Judgment]] {
        var verdicts: [String: [Judgment]] = [:]
        let text = String(decoding: bytes, as: UTF8.self)
        for (number, line) in text.split(separator: "\n").enumerated() where number > 0 {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == 7, let index = Int(fields[1]), let score = Double(fields[6]),
                score.isFinite, ["0", "1"].contains(fields[4]), ["0", "1"].contains(fields[5])
            else {
                throw CommandError("verdicts line \(number + 1): expected \(header)")
            }
            let name = String(fields[0])
            let next = verdicts[name, default: []].count
            guard index <= next else {
                throw CommandError(
                    "verdicts line \(number + 1): \(name) has no verdict on samples \(next) to "
                        + "\(index - 1), so it can't be judged")
            }
            guard index == next else {
                throw CommandError(
                    "verdicts line \(number + 1): index \(index) of \(name) is out of order")
            }
            verdicts[name, default: []].append(
                Judgment(isAnomaly: fields[4] == "1", alert: fields[5] == "1", score: score))
        }
        return verdicts
    }
}
