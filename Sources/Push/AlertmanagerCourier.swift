internal import Bytes
internal import Store
internal import Wire

/// Tells an Alertmanager of incidents (API v2, POST /api/v2/alerts).
struct AlertmanagerCourier: PushCourier, ~Copyable {
    private static let path = "/api/v2/alerts"
    /// An alert that is not told again for so long, in milliseconds, ends by itself: all processes
    /// that knew of it are gone.
    private static let silence = 300_000

    private var courier: Courier
    private var plan = AlertmanagerPlan()
    private var untold = 0

    init(_ courier: consuming Courier) { self.courier = courier }

    mutating func turn(_ news: Set<IncidentID>, _ now: Instant) -> Instant {
        for id in news { note(id, now) }
        tell(now)
        courier.settings.metrics.change(waiting: .alertmanager, by: plan.untold - untold)
        untold = plan.untold
        return plan.nextDue
    }

    private mutating func note(_ id: IncidentID, _ now: Instant) {
        guard let incident = courier.settings.book.find(id) else { return plan.forget(id) }
        let age = TimeSpan.milliseconds(max(0, courier.unixMilliseconds - incident.closedAt))
        plan.note(id, isOpen: incident.isOpen, closedFor: age, now: now)
    }

    private mutating func tell(_ now: Instant) {
        let dropped = plan.dropped
        let due = plan.due(now)
        courier.settings.metrics.add(
            plan.dropped - dropped, .dropped, to: .alertmanager)
        var known: [IncidentID] = []
        var body = ByteBuffer(limit: PushTarget.requestLimit)
        body.append("[")
        for id in due {
            guard let incident = courier.settings.book.find(id) else {
                plan.forget(id)
                continue
            }
            if !known.isEmpty { body.append(",") }
            let time = courier.unixMilliseconds
            body.append(
                alert: incident, threshold: courier.settings.threshold,
                externalURL: courier.settings.externalURL,
                end: incident.isOpen ? time + AlertmanagerCourier.silence : time)
            known.append(id)
        }
        body.append("]")
        guard !known.isEmpty else { return }
        switch courier.send(body, to: AlertmanagerCourier.path, count: known.count) {
        case .sent: plan.told(known, now: now, chance: courier.chance())
        case .refused: plan.refused(known, now: now)
        case .failed(let seconds):
            plan.failed(now: now, retryAfterSeconds: seconds, chance: courier.chance())
        }
    }
}
