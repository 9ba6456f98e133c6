package import Bytes
package import System
package import Wire

/// Series in Redis, shared by any number of processes.
///
/// It forwards, so that the compiler makes the generic `LoggedStore` for it in this module: used
/// from another one it would ask the runtime at each step.
package struct RedisStore: Store, ~Copyable {
    private var store: LoggedStore<RedisLog>

    package init(_ shared: SharedRedis, _ seat: StoreSeat) { store = LoggedStore(shared, seat) }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        store.tellTime(now, unixMilliseconds: unixMilliseconds)
    }
    package mutating func append(_ batch: inout SampleBatch) -> Storing { store.append(&batch) }
    package mutating func ask(_ call: Call) -> Asking { store.ask(call) }
    package mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? {
        store.nextFinished(&batch)
    }
    package var isGathering: Bool {
        mutating get { store.isGathering }
    }
    package var isServingOthers: Bool { store.isServingOthers }
    package mutating func handle(_ event: Event) { store.handle(event) }
    package mutating func lookAtWhatIsDue() { store.lookAtWhatIsDue() }
    package mutating func nextLook() -> Instant { store.nextLook() }
    package mutating func startDraining() { store.startDraining() }
    package mutating func takeNotices() -> [Notice] { store.takeNotices() }
    package mutating func endTurn(_ poller: borrowing Poller) { store.endTurn(poller) }
}
