internal import Bytes
internal import Store
internal import Synchronization
internal import System

/// One target's thread: it waits for news of incidents, and tells the target. Nothing else of the
/// process waits for it.
final class PushThread: Sendable {
    /// News for an Alertmanager are gathered for so long, so that an outage of many devices is few
    /// requests.
    private static let gathering = TimeSpan.milliseconds(50)
    /// When the process ends, what is due is still told, for so long.
    private static let lastWords = TimeSpan.seconds(2)

    private let target: PushTarget
    private let settings: PushSettings
    private let wakeUp: Int32
    private let feed: IncidentFeed
    private let isStopping = Atomic<Bool>(false)
    private let ended: Bell

    init(_ target: PushTarget, _ settings: PushSettings) throws(SystemError) {
        self.target = target
        self.settings = settings
        let wakeUp = try WakeUp.open()
        self.wakeUp = wakeUp
        ended = try Bell()
        feed = IncidentFeed { WakeUp.signal(wakeUp) }
        settings.book.attach(feed)
        if target.kind == .webhook { settings.book.claims.serve { WakeUp.signal(wakeUp) } }
        try DetachedThread.start { self.run() }
    }

    /// Ends the thread, and waits for it: a request that is under way ends first.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        WakeUp.signal(wakeUp)
        ended.wait()
    }

    private func run() {
        do throws(SystemError) {
            switch target.kind {
            case .alertmanager:
                var courier = AlertmanagerCourier(Courier(target, settings))
                try run(&courier, gathering: PushThread.gathering)
            case .webhook:
                var courier = WebhookCourier(Courier(target, settings))
                try run(&courier, gathering: nil)
            }
        } catch {
            settings.tell(true, "\(target.name): notifications have ended: \(error.description)")
        }
        ended.ring()
    }

    private func run(
        _ courier: inout some PushCourier & ~Copyable, gathering: TimeSpan?
    ) throws(SystemError) {
        // The descriptor lives as long as the process: others may signal it at any time.
        var poller = try Poller()
        try poller.add(wakeUp, .read, token: Token(kind: 0, generation: 0, index: 0))
        var stopBy = Instant.never
        while true {
            let isLast = isStopping.load(ordering: .acquiring)
            let now = Clock.now()
            if isLast { stopBy = min(stopBy, now + PushThread.lastWords) }
            let next = courier.turn(feed.take(), now)
            if isLast {
                if next > now || stopBy <= Clock.now() { return }
                continue
            }
            let wait = next == .never ? nil : max(TimeSpan(nanoseconds: 0), next - Clock.now())
            guard try poller.wait(wait) > 0 else { continue }
            WakeUp.clear(wakeUp)
            if let gathering { Clock.sleep(gathering) }
        }
    }
}
