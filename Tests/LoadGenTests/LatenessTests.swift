import Bytes
import Options
import Report
import Telemetry
import Testing

@testable import LoadGen

@Suite struct LatenessTests {
    /// What is complained of in a run of 200 requests, three of them sent 4 ms late.
    private func complaints(_ objectives: String) throws -> [String] {
        var options = try Options(
            ["--target", "http://a:1", "--rate", "100", "--duration", "2s"],
            switches: ["--allow-late", "--closed", "--insecure"])
        let plan = try Plan(&options)
        var recorder = Recorder(plan)
        for number in 0..<200 {
            recorder.noteLag(number < 3 ? 4_000_000 : 20_000)
            recorder.serviceTime.record(700_000)
            recorder.actions[0].good.record(700_000)
            recorder.actions[0].requests += 1
        }
        recorder.answered = 200
        recorder.requests = 200
        recorder.statuses[200] = 200
        recorder.lastAnswer = Instant.zero + .seconds(2)
        var run = MeasuredRun(
            plan: plan, recorder: recorder, timeline: Timeline(plan, intervalSeconds: 1),
            quality: nil, countsFrom: .zero, stoppedAt: nil, startedAt: 0)
        run.objectives = try Threshold.parseAll(objectives)
        return run.complaints
    }

    @Test(
        "three late sends of 200 spoil no percentile below the 99th",
        arguments: ["", "p50 < 5ms", "p95 < 5ms, errors < 1%", "mean < 5ms", "p99 < 50ms"])
    func pardonsFew(_ objectives: String) throws {
        #expect(try complaints(objectives).isEmpty)
    }

    @Test(
        "what looks where they are is not vouched for",
        arguments: ["p99 < 5ms", "p99.9 < 5ms", "max < 5ms", "p95 < 5ms, p99 < 5ms"])
    func complains(_ objectives: String) throws {
        let found = try complaints(objectives)
        #expect(found.count == 1 && found[0].contains("late or more"), "\(found)")
    }
}
