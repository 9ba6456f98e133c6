import Bytes
import Foundation
import Options
import Testing

@testable import LoadGen

@Suite struct TrafficTests {
    private struct Request {
        let line: String
        let headers: [String: String]
        let body: String

        /// The objects of its body, one a line.
        var samples: [[String: Any]] {
            body.split(separator: "\n").compactMap {
                (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
            }
        }
    }

    private func plan(_ arguments: [String]) throws -> Plan {
        var options = try Options(arguments, switches: ["--allow-late", "--closed"])
        return try Plan(&options)
    }

    private func request(
        _ traffic: inout Traffic, _ action: Action, address: Int = 0, speaker: Int = 0
    ) throws -> Request {
        var output = ByteBuffer(limit: Traffic.requestLimit)
        traffic.write(action, address: address, speaker: speaker, into: &output)
        let text = String(output.readable)
        let end = try #require(text.range(of: "\r\n\r\n"))
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.components(separatedBy: ": ")
            #expect(headers.updateValue(pair[1], forKey: pair[0]) == nil, "\(pair[0]) twice")
        }
        return Request(line: lines[0], headers: headers, body: String(text[end.upperBound...]))
    }

    @Test("every action is a whole request to its address, with what the plan adds")
    func writesRequests() throws {
        let plan = try plan([
            "--target", "http://a:1/api,http://b:2", "--token", "secret", "--keep-alive", "off",
            "--batch", "25", "--devices", "9",
        ])
        var traffic = Traffic(plan, seed: 5)
        let paths: [(Action, String)] = [
            (.ingest, "POST /api/ingest HTTP/1.1"),
            (.batch, "POST /api/ingest?verdicts=none HTTP/1.1"),
            (.analyze, "GET /api/analyze HTTP/1.1"), (.stats, "GET /api/stats HTTP/1.1"),
        ]
        for (action, line) in paths {
            let found = try request(&traffic, action)
            #expect(found.line == line)
            #expect(found.headers["Host"] == "a:1")
            #expect(found.headers["Authorization"] == "Bearer secret")
            #expect(found.headers["Connection"] == "close")
            let length = Int(found.headers["Content-Length"] ?? "0")
            #expect(length == found.body.utf8.count)
            let samples = [.ingest: 1, .batch: 25][action] ?? 0
            #expect(found.samples.count == samples)
            for sample in found.samples {
                let rps = (sample["rps"] as? NSNumber)?.intValue ?? 0
                #expect((400..<450).contains(rps))
                #expect((sample["device_id"] as? String)?.hasPrefix("device-") == true)
            }
        }
        let second = try request(&traffic, .ingest, address: 1)
        #expect(second.line == "POST /ingest HTTP/1.1")
        #expect(second.headers["Host"] == "b:2")
    }

    @Test(
        "sticky devices belong to one connection each, and all of them speak", arguments: [30, 3])
    func sticks(_ devices: Int) throws {
        let plan = try plan([
            "--target", "http://a:1", "--devices", String(devices), "--spread", "sticky",
            "--connections", "7",
        ])
        var traffic = Traffic(plan, seed: 5)
        var owners: [String: Set<Int>] = [:]
        for speaker in 0..<7 {
            for _ in 0..<20 {
                let sample = try request(&traffic, .ingest, speaker: speaker).samples[0]
                let device = try #require(sample["device_id"] as? String)
                owners[device, default: []].insert(speaker)
            }
        }
        #expect(owners.count == devices)
        if devices >= 7 {
            #expect(owners.values.allSatisfy { $0.count == 1 })
        } else {
            // More connections than devices: they share, each with one device.
            #expect(owners.values.reduce(0) { $0 + $1.count } == 7)
        }
    }

    @Test("without devices samples are the fleet's; the same seed sends the same")
    func repeats() throws {
        let plan = try plan(["--target", "http://a:1"])
        var one = Traffic(plan, seed: 9)
        var two = Traffic(plan, seed: 9)
        for _ in 0..<50 {
            let sample = try request(&one, .ingest)
            #expect(sample.samples[0]["device_id"] == nil)
            #expect(sample.body == (try request(&two, .ingest)).body)
        }
    }
}
