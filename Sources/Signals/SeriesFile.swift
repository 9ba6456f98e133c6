package import Bytes

/// What is wrong with a series file, and in which line.
package struct SeriesFileError: Error, Equatable, CustomStringConvertible {
    package let line: Int
    package let problem: String
    package var description: String { "line \(line): \(problem)" }
}

/// A series as CSV.
///
/// Read: a header that names the columns, without regard to case. `timestamp` is required; the
/// value is `rps` (with `cpu` beside it) or `value`; `label` is optional, 1 for a sample that is
/// wrong. So the files of the Numenta benchmark and of the cloud monitoring set are read as they
/// are. Written: `timestamp,rps,cpu`, and the events apart from it as `start,end,kind,sigmas`.
package enum SeriesFile {
    /// Longest line, in bytes: five numbers need no more.
    package static let lineLimit = 4096

    private struct Columns {
        var timestamp: Int?
        var rps: Int?
        var cpu: Int?
        var label: Int?
    }

    /// Parses a whole file.
    package static func parse(_ bytes: Span<UInt8>, name: String)
        throws(SeriesFileError) -> LabelledSeries
    {
        var columns: Columns?
        var samples: [SignalSample] = []
        var labels: [Bool] = []
        var start = 0
        var number = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0A { end += 1 }
            number += 1
            guard end - start <= lineLimit else {
                throw SeriesFileError(line: number, problem: "longer than \(lineLimit) bytes")
            }
            let fields = split(bytes, from: start, to: end)
            start = end + 1
            if fields.count == 1, fields[0].isEmpty { continue }
            if let columns {
                let row = try row(fields, columns, line: number)
                samples.append(row.sample)
                labels.append(row.label)
            } else {
                columns = try header(fields, number)
            }
        }
        guard columns != nil else {
            throw SeriesFileError(line: 1, problem: "no header; expected timestamp,value[,label]")
        }
        return LabelledSeries(name: name, samples: samples, events: events(labels))
    }

    private static func split(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> [[UInt8]] {
        var fields: [[UInt8]] = [[]]
        var quoted = false
        for index in start..<end {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                quoted.toggle()
            } else if byte == UInt8(ascii: ","), !quoted {
                fields.append([])
            } else if byte != 0x0D {
                fields[fields.count - 1].append(byte)
            }
        }
        return fields
    }

    private static func header(_ fields: [[UInt8]], _ line: Int)
        throws(SeriesFileError) -> Columns
    {
        var columns = Columns()
        for (place, field) in fields.enumerated() {
            switch String(decoding: field, as: UTF8.self).lowercased() {
            case "timestamp": columns.timestamp = place
            case "rps", "value": columns.rps = place
            case "cpu": columns.cpu = place
            case "label": columns.label = place
            default: break
            }
        }
        guard columns.timestamp != nil, columns.rps != nil else {
            throw SeriesFileError(
                line: line,
                problem: "the header must name timestamp and one of rps and value")
        }
        return columns
    }

    private static func row(_ fields: [[UInt8]], _ columns: Columns, line: Int)
        throws(SeriesFileError) -> (sample: SignalSample, label: Bool)
    {
        func field(_ place: Int?, _ name: String) throws(SeriesFileError) -> [UInt8] {
            guard let place, place < fields.count else {
                throw SeriesFileError(line: line, problem: "\(name): missing")
            }
            return fields[place]
        }
        let time = try field(columns.timestamp, "timestamp")
        guard let timestamp = parseTimestamp(time.span) else {
            throw SeriesFileError(
                line: line, problem: "timestamp: neither Unix time nor a UTC date-time")
        }
        let value = try field(columns.rps, "value")
        guard let rps = decimal(value) else {
            throw SeriesFileError(line: line, problem: "value: not a finite number")
        }
        var cpu = 0.0
        if columns.cpu != nil {
            let text = try field(columns.cpu, "cpu")
            guard let number = decimal(text), number >= 0 else {
                throw SeriesFileError(line: line, problem: "cpu: not a finite number >= 0")
            }
            cpu = number
        }
        var label = false
        if columns.label != nil {
            let text = try field(columns.label, "label")
            guard text == [UInt8(ascii: "0")] || text == [UInt8(ascii: "1")] else {
                throw SeriesFileError(line: line, problem: "label: allowed is 0 or 1")
            }
            label = text == [UInt8(ascii: "1")]
        }
        return (SignalSample(timestamp: timestamp, rps: rps, cpu: cpu), label)
    }

    /// Labelled samples that follow each other are one event.
    private static func events(_ labels: [Bool]) -> [AnomalyEvent] {
        var events: [AnomalyEvent] = []
        var start: Int?
        for index in 0...labels.count {
            let isLabelled = index < labels.count && labels[index]
            if isLabelled, start == nil { start = index }
            if !isLabelled, let first = start {
                events.append(AnomalyEvent(start: first, end: index, kind: .labelled))
                start = nil
            }
        }
        return events
    }

    /// The samples as CSV; nothing in it tells what is wrong with them.
    package static func samplesText(_ series: LabelledSeries, into output: inout ByteBuffer) {
        output.append("timestamp,rps,cpu\n")
        for sample in series.samples {
            output.append(number: sample.timestamp)
            output.append(",")
            output.append(number: sample.rps)
            output.append(",")
            output.append(number: sample.cpu)
            output.append("\n")
        }
    }

    /// The events as CSV.
    package static func eventsText(_ series: LabelledSeries, into output: inout ByteBuffer) {
        output.append("start,end,kind,sigmas\n")
        for event in series.events {
            output.append(integer: event.start)
            output.append(",")
            output.append(integer: event.end)
            output.append(text: ",\(event.kind.rawValue),")
            output.append(number: event.sigmas)
            output.append("\n")
        }
    }

    private static func decimal(_ field: [UInt8]) -> Double? { parseDecimal(field.span) }

    /// Reads back what `eventsText` wrote.
    package static func parseEvents(_ bytes: Span<UInt8>) throws(SeriesFileError) -> [AnomalyEvent]
    {
        var events: [AnomalyEvent] = []
        var start = 0
        var number = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0A { end += 1 }
            number += 1
            let fields = split(bytes, from: start, to: end)
            start = end + 1
            guard number > 1, !(fields.count == 1 && fields[0].isEmpty) else { continue }
            guard fields.count == 4, let first = decimal(fields[0]),
                let last = decimal(fields[1]), let sigmas = decimal(fields[3]),
                let kind = AnomalyKind(rawValue: String(decoding: fields[2], as: UTF8.self)),
                first >= 0, last > first, last < 1e9
            else {
                throw SeriesFileError(line: number, problem: "expected start,end,kind,sigmas")
            }
            events.append(
                AnomalyEvent(start: Int(first), end: Int(last), kind: kind, sigmas: sigmas))
        }
        return events
    }
}
