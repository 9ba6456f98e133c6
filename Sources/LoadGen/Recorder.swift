package import Bytes
internal import HTTPClient
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
    /// A send no later than this is on time.
    package static let onTimeNanoseconds = 100_000

    /// From the time a request was meant to be sent to its answer's last byte, in nanoseconds; a
    /// request that timed out counts with the time it was waited for.
    package var latency = Histogram()
    /// From its actual sending.
    package var serviceTime = Histogram()
    /// How long after its time a request was sent, though a connection was free for it.
    package var lag = Histogram()
    package var failures = [Int](repeating: 0, count: Failure.allCases.count)
    /// Answers by their status.
    package var statuses = [Int](repeating: 0, count: 600)
    package var answered = 0
    /// Requests that were sent and came to some end.
    package var requests = 0
    package var lateSends = 0
    package var sendsOnTime = 0
    /// Requests that were due but could not be sent before all was over.
    package var unsent = 0
    package var processorSeconds = 0.0
    /// The part of it that was work, and not watching the clock before a send.
    package var busySeconds = 0.0
    /// How long the thread ran.
    package var elapsedSeconds = 0.0
    /// When the last answer came.
    package var lastAnswer = Instant.zero
    /// Connections that could not be made, by the reason.
    package var connectFailures = [Int](repeating: 0, count: ConnectFailure.allCases.count)

    package init() {}

    package mutating func merge(_ other: Recorder) {
        latency.merge(other.latency)
        serviceTime.merge(other.serviceTime)
        lag.merge(other.lag)
        for index in failures.indices { failures[index] += other.failures[index] }
        for index in statuses.indices { statuses[index] += other.statuses[index] }
        answered += other.answered
        requests += other.requests
        lateSends += other.lateSends
        sendsOnTime += other.sendsOnTime
        unsent += other.unsent
        processorSeconds += other.processorSeconds
        busySeconds += other.busySeconds
        elapsedSeconds += other.elapsedSeconds
        lastAnswer = max(lastAnswer, other.lastAnswer)
        for index in connectFailures.indices {
            connectFailures[index] += other.connectFailures[index]
        }
    }

    package mutating func fail(_ failure: Failure) { failures[failure.rawValue] += 1 }

    /// Notes how late a request went out.
    @inline(__always)
    package mutating func noteLag(_ nanoseconds: Int) {
        lag.record(nanoseconds)
        if nanoseconds <= Recorder.onTimeNanoseconds { sendsOnTime += 1 }
        if nanoseconds > Recorder.lateNanoseconds { lateSends += 1 }
    }

    package var failed: Int { failures.reduce(0, +) }
}
