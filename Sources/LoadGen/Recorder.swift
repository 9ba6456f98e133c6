package import Bytes
internal import HTTPClient
package import Telemetry

/// The ways a request can fail.
package enum Failure: Int, CaseIterable, Sendable {
    /// There was no connection for it.
    case connect
    case timeout
    case reset
    case status3xx
    case status4xx
    case status5xx
    /// A status that `--expect` does not name, or that ends HTTP (101).
    case unexpectedStatus
    case badAnswer

    package var name: String {
        switch self {
        case .connect: "connect"
        case .timeout: "timeout"
        case .reset: "reset"
        case .status3xx: "3xx"
        case .status4xx: "4xx"
        case .status5xx: "5xx"
        case .unexpectedStatus: "unexpected_status"
        case .badAnswer: "bad_answer"
        }
    }
}

/// The requests of one action.
package struct ActionRecord: Sendable {
    /// Latency of those whose answer was good.
    package var good: Histogram
    /// Of those that were answered otherwise, or waited for in vain.
    package var failed: Histogram
    /// Requests that came to some end.
    package var requests = 0
    package var errors = 0

    init(latencyLimit: Int) {
        good = Histogram(limit: latencyLimit)
        failed = Histogram(limit: latencyLimit)
    }

    mutating func merge(_ other: ActionRecord) {
        good.merge(other.good)
        failed.merge(other.failed)
        requests += other.requests
        errors += other.errors
    }

    /// Latency of all of them.
    package var latency: Histogram {
        var all = good
        all.merge(failed)
        return all
    }
}

/// The requests that were due in one step of the plan.
package struct StepRecord: Sendable {
    package var latency: Histogram
    package var answered = 0
    package var requests = 0
    package var errors = 0

    init(latencyLimit: Int) { latency = Histogram(limit: latencyLimit) }

    mutating func merge(_ other: StepRecord) {
        latency.merge(other.latency)
        answered += other.answered
        requests += other.requests
        errors += other.errors
    }
}

/// What one thread measured: fixed memory, whatever the run's length.
package struct Recorder: Sendable {
    /// A send later than this after its time is late: the generator's fault, not the server's.
    package static let lateNanoseconds = 1_000_000
    /// A send no later than this is on time.
    package static let onTimeNanoseconds = 100_000

    /// By action. Latencies count from the time a request was meant to be sent to its answer's last
    /// byte, in nanoseconds; a request that timed out counts with the time it was waited for.
    package var actions: [ActionRecord]
    /// By step of the plan; empty where it has one step alone, or too many.
    package var steps: [StepRecord]
    /// From its actual sending.
    package var serviceTime: Histogram
    /// How long after its time a request was sent, though a connection was free for it.
    package var lag: Histogram
    package var failures = [Int](repeating: 0, count: Failure.allCases.count)
    /// Answers by their status.
    package var statuses = [Int](repeating: 0, count: 600)
    package var answered = 0
    /// Requests that came to some end.
    package var requests = 0
    package var lateSends = 0
    package var sendsOnTime = 0
    /// How often requests were given to a connection: once each, and once more for each retry.
    package var attempts = 0
    /// Retries by what the attempt before came to.
    package var retries = [Int](repeating: 0, count: RetryCause.allCases.count)
    /// Requests that came to their end after a retry, and those of them that ended well.
    package var retriedRequests = 0
    package var recoveredRequests = 0
    /// Good answers that call the request a repeated one: an earlier attempt had been stored.
    package var duplicates = 0
    /// Requests that were due but could not be sent before all was over.
    package var unsent = 0
    /// Requests that were under way when all was over, before their time-out.
    package var cut = 0
    package var processorSeconds = 0.0
    /// The part of it that was work, and not watching the clock before a send.
    package var busySeconds = 0.0
    /// How long the thread ran.
    package var elapsedSeconds = 0.0
    /// When the last answer came.
    package var lastAnswer = Instant.zero
    /// Attempts to make a connection, and those that came to one.
    package var connectionsTried = 0
    package var connectionsMade = 0
    /// Those that did not, by the reason.
    package var connectFailures = [Int](repeating: 0, count: ConnectFailure.allCases.count)
    /// What TLS said of the last connection that it refused.
    package var tlsError: String?

    /// - Parameters:
    ///   - actions: those that the plan has; the others get no memory.
    ///   - steps: how many steps are told apart; 0 for none.
    ///   - latencyLimit: the longest latency that the run can have, in nanoseconds.
    package init(actions: [Action], steps: Int, latencyLimit: Int) {
        self.actions = Action.allCases.map {
            ActionRecord(
                latencyLimit: actions.contains($0) ? latencyLimit : Recorder.smallestLimit)
        }
        self.steps = Array(repeating: StepRecord(latencyLimit: latencyLimit), count: steps)
        serviceTime = Histogram(limit: latencyLimit)
        lag = Histogram(limit: latencyLimit)
    }

    init(_ plan: Plan) {
        self.init(
            actions: Action.allCases.filter { plan.scenario.weights[$0, default: 0] > 0 },
            steps: plan.stepCount, latencyLimit: plan.latencyLimitNanoseconds)
    }

    /// The smallest range that a histogram can have.
    private static let smallestLimit = 2048

    package mutating func merge(_ other: Recorder) {
        for index in actions.indices { actions[index].merge(other.actions[index]) }
        for index in steps.indices { steps[index].merge(other.steps[index]) }
        serviceTime.merge(other.serviceTime)
        lag.merge(other.lag)
        for index in failures.indices { failures[index] += other.failures[index] }
        for index in statuses.indices { statuses[index] += other.statuses[index] }
        answered += other.answered
        requests += other.requests
        attempts += other.attempts
        for index in retries.indices { retries[index] += other.retries[index] }
        retriedRequests += other.retriedRequests
        recoveredRequests += other.recoveredRequests
        duplicates += other.duplicates
        lateSends += other.lateSends
        sendsOnTime += other.sendsOnTime
        unsent += other.unsent
        cut += other.cut
        processorSeconds += other.processorSeconds
        busySeconds += other.busySeconds
        elapsedSeconds += other.elapsedSeconds
        lastAnswer = max(lastAnswer, other.lastAnswer)
        connectionsTried += other.connectionsTried
        connectionsMade += other.connectionsMade
        for index in connectFailures.indices {
            connectFailures[index] += other.connectFailures[index]
        }
        tlsError = tlsError ?? other.tlsError
    }

    /// Notes how late a request went out.
    @inline(__always)
    package mutating func noteLag(_ nanoseconds: Int) {
        lag.record(nanoseconds)
        if nanoseconds <= Recorder.onTimeNanoseconds { sendsOnTime += 1 }
        if nanoseconds > Recorder.lateNanoseconds { lateSends += 1 }
    }

    /// Notes a request that was answered.
    /// - Parameters:
    ///   - failure: nil for a good answer.
    ///   - latency, serviceTime: in nanoseconds.
    @inline(__always)
    package mutating func noteAnswer(
        _ action: Action, step: Int, status: Int, failure: Failure?, latency: Int, serviceTime: Int
    ) {
        answered += 1
        statuses[status] += 1
        self.serviceTime.record(serviceTime)
        noteEnd(action, step: step, failure: failure, latency: latency)
        if step < steps.count { steps[step].answered += 1 }
    }

    /// Notes that a request came to its end.
    /// - Parameter latency: nil where it says nothing of the server's speed.
    @inline(__always)
    package mutating func noteEnd(_ action: Action, step: Int, failure: Failure?, latency: Int?) {
        requests += 1
        actions[action.rawValue].requests += 1
        if let failure {
            failures[failure.rawValue] += 1
            actions[action.rawValue].errors += 1
            if let latency { actions[action.rawValue].failed.record(latency) }
        } else if let latency {
            actions[action.rawValue].good.record(latency)
        }
        guard step < steps.count else { return }
        steps[step].requests += 1
        if failure != nil { steps[step].errors += 1 }
        if let latency { steps[step].latency.record(latency) }
    }

    /// Notes how often a request that came to its end had been sent again.
    @inline(__always)
    package mutating func noteRetried(_ retries: Int, isGood: Bool) {
        guard retries > 0 else { return }
        retriedRequests += 1
        if isGood { recoveredRequests += 1 }
    }

    package var failed: Int { failures.reduce(0, +) }

    /// Latency of all requests that were answered or waited for in vain.
    package var latency: Histogram { merged { $0.latency } }

    /// Latency of the requests with a good answer.
    package var goodLatency: Histogram { merged { $0.good } }

    private func merged(_ histogram: (ActionRecord) -> Histogram) -> Histogram {
        var all = Histogram(limit: serviceTime.limit)
        for action in actions where action.good.limit == all.limit { all.merge(histogram(action)) }
        return all
    }
}
