package import Telemetry

/// The ways a request can fail.
package enum Failure: Int, CaseIterable, Sendable {
    case connect, timeout, reset, status4xx, status5xx, badAnswer

    package var name: String {
        switch self {
        case .connect: "connect"
        case .timeout: "timeout"
        case .reset: "reset"
        case .status4xx: "4xx"
        case .status5xx: "5xx"
        case .badAnswer: "bad_answer"
        }
    }
}

/// What one thread measured: fixed memory, whatever the run's length.
package struct Recorder: Sendable {
    /// A send later than this after its time is late: the generator's fault, not the server's.
    package static let lateNanoseconds = 1_000_000

    /// From the time a request was meant to be sent to its answer's last byte, in nanoseconds.
    package var latency = Histogram()
    /// From its actual sending.
    package var serviceTime = Histogram()
    package var failures = [Int](repeating: 0, count: Failure.allCases.count)
    package var answered = 0
    package var lateSends = 0
    /// Requests that were due but could not be sent before the end.
    package var unsent = 0
    package var bytesRead = 0
    package var processorSeconds = 0.0

    package init() {}

    package mutating func merge(_ other: Recorder) {
        latency.merge(other.latency)
        serviceTime.merge(other.serviceTime)
        for index in failures.indices { failures[index] += other.failures[index] }
        answered += other.answered
        lateSends += other.lateSends
        unsent += other.unsent
        bytesRead += other.bytesRead
        processorSeconds += other.processorSeconds
    }

    package mutating func fail(_ failure: Failure) { failures[failure.rawValue] += 1 }

    package var failed: Int { failures.reduce(0, +) }
    package var requests: Int { answered + failures[0] + failures[1] + failures[2] }
}
