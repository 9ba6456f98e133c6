internal import Bytes
internal import SeriesLog
internal import System
internal import Wire

/// Series in logs, in Redis or in a file: a request waits until the store has decided. `RedisStore`
/// and `FileStore` are what others see of it.
///
/// One loop of the process, the keeper, follows and writes the logs. The others give it what a turn
/// brought, and get it back with its outcome.
struct LoggedStore<Log: LogDriver & ~Copyable>: Store, ~Copyable {
    typealias Shared = Log.Shared

    private let exchange: LoopExchange
    private let loop: Int
    /// There in the first loop alone.
    private var keeper: LogKeeper<Log>?
    private var requests: [StoreRequest] = []
    private var spare: [StoreRequest] = []
    /// Requests for the keeper, of this turn; requests that have ended.
    private var outgoing: [StoreRequest] = []
    private var ended: [StoreRequest] = []
    private var now = Instant.zero

    init(_ shared: Log.Shared, _ seat: StoreSeat) {
        exchange = shared.exchange
        loop = seat.loop
        if loop == 0 {
            keeper = LogKeeper(shared, seat)
            exchange.requests.serve(by: seat.wakeUp)
        } else {
            exchange.answers[loop].serve(by: seat.wakeUp)
            exchange.join()
        }
    }

    deinit {
        if loop == 0 {
            exchange.requests.serve(by: nil)
        } else {
            exchange.answers[loop].serve(by: nil)
            exchange.leave()
        }
    }

    mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        keeper?.log.tellTime(now, unixMilliseconds: unixMilliseconds)
    }

    // MARK: Requests

    mutating func append(_ batch: inout SampleBatch) -> Storing {
        let request = newRequest()
        request.call = nil
        swap(&request.batch, &batch)
        hand(request)
        return .waiting(request.ticket)
    }

    mutating func ask(_ call: Call) -> Asking {
        let request = newRequest()
        request.call = call
        hand(request)
        return .waiting(request.ticket)
    }

    private mutating func newRequest() -> StoreRequest {
        if let request = spare.popLast() { return request }
        let request = StoreRequest(loop: loop, ticket: TicketID(Int32(requests.count)))
        requests.append(request)
        return request
    }

    private mutating func hand(_ request: StoreRequest) {
        if loop == 0 { keeper?.begin(request) } else { outgoing.append(request) }
    }

    mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? {
        guard let request = loop == 0 ? nextOfKeeper() : nextEnded() else { return nil }
        guard let outcome = request.outcome.take() else {
            preconditionFailure("a request that ended has an outcome")
        }
        if request.call == nil {
            swap(&request.batch, &batch)
            request.batch.removeAll()
        }
        spare.append(request)
        return Finished(ticket: request.ticket, outcome: outcome)
    }

    private mutating func nextOfKeeper() -> StoreRequest? {
        keeper?.endDecided()
        return keeper?.nextEnded()
    }

    private mutating func nextEnded() -> StoreRequest? {
        if ended.isEmpty { exchange.answers[loop].take(&ended) }
        return ended.popLast()
    }

    // MARK: Turns

    var isGathering: Bool {
        mutating get { keeper?.log.canFly ?? !outgoing.isEmpty }
    }

    var isServingOthers: Bool { loop == 0 && exchange.hasOtherLoops }

    mutating func handle(_ event: Event) { keeper?.log.handle(event) }

    mutating func lookAtWhatIsDue() {
        keeper?.takeRequests()
        keeper?.log.lookAtWhatIsDue()
        keeper?.takeHistory()
        keeper?.beginEarly()
    }

    mutating func nextLook() -> Instant {
        guard loop == 0 else { return .never }
        return min(
            keeper?.log.nextLook() ?? .never,
            min(keeper?.earlyDeadline ?? .never, keeper?.nextFeed ?? .never))
    }

    mutating func startDraining() {}
    mutating func takeNotices() -> [Notice] {
        guard let notices = keeper?.log.takeNotices(), !notices.isEmpty else { return [] }
        // What is said of a store that is well again is no reason any more.
        if let last = notices.last { exchange.see(reason: last.isWarning ? last.text : "") }
        return notices
    }

    mutating func endTurn(_ poller: borrowing Poller) {
        if loop == 0 {
            keeper?.endDecided()
            keeper?.endTurn(poller, now: now)
        } else {
            exchange.requests.put(&outgoing)
        }
    }
}
