import Bytes
import Detection
import Store
import System
import TestSupport
import Wire

/// What became of a request, with the verdicts of the batch taken out of it.
enum Ending {
    case stored([Verdict])
    case answered(Answer)
    case failed(StoreFailure)
}

/// A store of any kind under test: some loops over what they share, all in one thread.
protocol StoreDriver: AnyObject {
    var shared: any SharedStore { get }
    /// The server that the store needs, if it needs one.
    var redis: RunningRedis? { get }
    /// Hands in a body of samples, or asks; the number stands for the request until it ends.
    func submit(_ body: String, key: String?, loop: Int) throws -> Int
    func submit(_ call: Call, loop: Int) throws -> Int
    /// One turn of every loop.
    func turn() throws
    /// How the request ended, once; nil while it waits.
    func takeEnding(_ request: Int) -> Ending?
    /// Requests that wait in any loop.
    var waitingCount: Int { get }
}

/// The same for one kind of store.
final class Driver<Tested: Store & ~Copyable>: StoreDriver {
    let redis: RunningRedis?
    private let folder: TemporaryFolder?
    private let state: Tested.Shared
    private var loops: [TestedLoop<Tested>] = []
    private var endings: [Int: Ending] = [:]
    private var nextRequest = 0

    init(
        _ shared: Tested.Shared, loops count: Int, redis: RunningRedis?,
        folder: TemporaryFolder? = nil
    ) throws {
        self.redis = redis
        self.folder = folder
        state = shared
        for loop in 0..<count { loops.append(try TestedLoop(shared, loop: loop)) }
    }

    var shared: any SharedStore { state }
    var waitingCount: Int { loops.reduce(0) { $0 + $1.waiting.count } }

    func submit(_ body: String, key: String?, loop: Int) throws -> Int {
        nextRequest += 1
        endings[nextRequest] = try loops[loop].append(body, key: key, request: nextRequest)
        return nextRequest
    }

    func submit(_ call: Call, loop: Int) throws -> Int {
        nextRequest += 1
        endings[nextRequest] = try loops[loop].ask(call, request: nextRequest)
        return nextRequest
    }

    func turn() throws {
        for loop in loops {
            for (request, ending) in try loop.turn() { endings[request] = ending }
        }
    }

    func takeEnding(_ request: Int) -> Ending? { endings.removeValue(forKey: request) }
}

/// One loop with a store of its own, turned by hand in the order that `Store` prescribes.
final class TestedLoop<Tested: Store & ~Copyable> {
    /// The requests that wait, by their tickets.
    private(set) var waiting: [TicketID: Int] = [:]
    private var store: Tested
    private var poller: Poller
    private let wakeUp: WakeUp
    private var batch = SampleBatch()

    init(_ shared: Tested.Shared, loop: Int) throws {
        let descriptor = try WakeUp.open()
        wakeUp = WakeUp(owning: descriptor)
        poller = try Poller()
        store = Tested(shared, StoreSeat(loop: loop, wakeUp: descriptor, tokenKind: 7))
        tellTime()
    }

    private func tellTime() {
        store.tellTime(
            Clock.now(), unixMilliseconds: Int(Clock.unixNanoseconds() / 1_000_000))
    }

    /// - Returns: nil when the request waits.
    func append(_ body: String, key: String?, request: Int) throws -> Ending? {
        tellTime()
        let bytes = Array(body.utf8)
        try batch.decode(bytes.span, now: 1_700_000_000)
        guard batch.rejected == 0 else { throw Failure("the test's own body is bad: \(body)") }
        if let key {
            let header = Array(key.utf8)
            batch.key = RequestKey(header.span).with(body: bytes.span)
        }
        let progress = store.append(&batch)
        if case .waiting = progress, !batch.samples.isEmpty || !batch.verdicts.isEmpty {
            throw Failure("the batch that was left is not empty")
        }
        switch progress {
        case .stored: return try ending(.stored)
        case .failed(let failure): return try ending(.failed(failure))
        case .waiting(let ticket): return try wait(ticket, request)
        }
    }

    func ask(_ call: Call, request: Int) throws -> Ending? {
        tellTime()
        switch store.ask(call) {
        case .answered(let answer): return try ending(.answered(answer))
        case .failed(let failure): return try ending(.failed(failure))
        case .waiting(let ticket): return try wait(ticket, request)
        }
    }

    private func wait(_ ticket: TicketID, _ request: Int) throws -> Ending? {
        guard waiting.updateValue(request, forKey: ticket) == nil else {
            throw Failure("\(ticket) was given to two requests at once")
        }
        return nil
    }

    private func ending(_ outcome: Outcome) throws -> Ending {
        switch outcome {
        case .stored:
            for position in batch.verdicts.indices
            where batch.isDuplicate(position) != (batch.verdicts[position] == Verdict()) {
                throw Failure("the verdict of sample \(position) is not what its mark says")
            }
            return .stored(batch.verdicts)
        case .answered(let answer): return .answered(answer)
        case .failed(let failure), .storedPartly(let failure, _): return .failed(failure)
        }
    }

    /// - Returns: the requests that ended in this turn.
    func turn() throws -> [(Int, Ending)] {
        let count = try poller.wait(.milliseconds(1))
        tellTime()
        for index in 0..<count { store.handle(poller.event(at: index)) }
        store.lookAtWhatIsDue()
        var ended: [(Int, Ending)] = []
        while let finished = store.nextFinished(&batch) {
            guard let request = waiting.removeValue(forKey: finished.ticket) else {
                throw Failure("\(finished.ticket) ended, but no request waits for it")
            }
            ended.append((request, try ending(finished.outcome)))
        }
        store.endTurn(poller)
        _ = store.takeNotices()
        return ended
    }
}

extension StoreDriver {
    /// More than any request may take, on however busy a machine.
    private var patience: TimeSpan { .seconds(30) }

    /// Turns the loops until the request has ended.
    func end(_ request: Int) throws -> Ending {
        let limit = Clock.now() + patience
        while true {
            if let ending = takeEnding(request) { return ending }
            guard Clock.now() < limit else { throw Failure("a request does not end") }
            try turn()
        }
    }

    /// Turns the loops until something is so that comes about by itself.
    func wait(until isSo: () throws -> Bool, _ what: String) throws {
        let limit = Clock.now() + patience
        while try !isSo() {
            guard Clock.now() < limit else { throw Failure("waited in vain until \(what)") }
            try turn()
        }
    }

    /// Turns the loops until so much time is over.
    func pass(_ span: TimeSpan) throws {
        let limit = Clock.now() + span
        while Clock.now() < limit { try turn() }
    }

    func submit(_ body: String, loop: Int) throws -> Int {
        try submit(body, key: nil, loop: loop)
    }

    /// Stores samples.
    /// - Returns: their verdicts; those of duplicates have the sequence 0.
    func append(_ body: String, key: String? = nil, loop: Int = 0) throws -> [Verdict] {
        let ending = try end(submit(body, key: key, loop: loop))
        guard case .stored(let verdicts) = ending else { throw Failure("not stored: \(ending)") }
        return verdicts
    }

    func ask(_ call: Call, loop: Int = 0) throws -> Answer {
        let ending = try end(submit(call, loop: loop))
        guard case .answered(let answer) = ending else { throw Failure("no answer: \(ending)") }
        return answer
    }

    /// The state of a series; nil when the device is unknown.
    func analysis(_ device: String?, loop: Int = 0) throws -> SeriesSummary? {
        switch try ask(.analysis(device: device.map { Array($0.utf8) }), loop: loop) {
        case .analysis(let summary): return summary
        case .problem(.unknownDevice): return nil
        case let answer: throw Failure("no analysis: \(answer)")
        }
    }

    /// A page of devices; nil when `after` is unknown.
    func devices(after: String? = nil, limit: Int = 100, loop: Int = 0) throws -> DevicePage? {
        switch try ask(.devices(after: after.map { Array($0.utf8) }, limit: limit), loop: loop) {
        case .devices(let page): return page
        case .problem(.unknownDevice): return nil
        case let answer: throw Failure("no page: \(answer)")
        }
    }

    /// Samples of a series; nil when the device is unknown.
    func samples(_ query: SeriesQuery, loop: Int = 0) throws -> SeriesPage? {
        switch try ask(.series(query), loop: loop) {
        case .series(let page): return page
        case .problem(.unknownDevice): return nil
        case let answer: throw Failure("no samples: \(answer)")
        }
    }

    func anomalies(_ filter: AnomalyFilter, loop: Int = 0) throws -> [String] {
        guard case .anomalies(let objects) = try ask(.anomalies(filter), loop: loop) else {
            throw Failure("no anomalies")
        }
        return objects.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension DevicePage {
    var names: [String] { rows.map { String(decoding: $0.name, as: UTF8.self) } }
}
