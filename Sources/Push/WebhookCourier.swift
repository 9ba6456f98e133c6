internal import Bytes
internal import Store
internal import TLS
internal import Wire

/// Tells a webhook when an incident opens and when it closes: the incident as GET /incidents tells
/// it, with a key by which a repeat is known and, where there is a secret, a signature.
struct WebhookCourier: PushCourier, ~Copyable {
    private var courier: Courier
    private var plan = WebhookPlan()
    private var waiting = 0

    init(_ courier: consuming Courier) { self.courier = courier }

    mutating func turn(_ news: Set<IncidentID>, _ now: Instant) -> Instant {
        for id in news { note(id) }
        if let claim = plan.question, let isGranted = courier.settings.book.claims.takeAnswer(claim)
        {
            plan.answered(claim, isGranted: isGranted, now: now)
        }
        let next = step(now)
        courier.settings.metrics.change(waiting: .webhook, by: plan.count - waiting)
        waiting = plan.count
        return next
    }

    private mutating func note(_ id: IncidentID) {
        guard let incident = courier.settings.book.find(id) else { return plan.forget(id) }
        let time = courier.unixMilliseconds
        plan.note(incident) { occasion in
            let then = occasion == .opened ? incident.arrival : incident.closedAt
            return .milliseconds(max(0, time - then))
        }
    }

    private mutating func step(_ now: Instant) -> Instant {
        switch plan.next(now) {
        case .rest(let until): return until
        case .claim(let claim):
            if courier.settings.book.claims.ask(claim) {
                plan.answered(claim, isGranted: true, now: now)
            }
        case .tell(let claim): tell(claim, now)
        }
        return now
    }

    private mutating func tell(_ claim: IncidentClaim, _ now: Instant) {
        guard let incident = courier.settings.book.find(claim.id) else {
            return plan.forget(claim.id)
        }
        var body = ByteBuffer(limit: PushTarget.requestLimit)
        body.append(
            claim.occasion == .opened ? incident.whenOpened : incident,
            threshold: courier.settings.threshold)
        var headers = "Idempotency-Key: \(PercentEncoding.encode(claim.text))\r\n"
        if !courier.target.secret.isEmpty {
            let digest = Signature.sha256(
                of: body.readable, key: Array(courier.target.secret.utf8))
            headers += "X-Tidemark-Signature: sha256=\(digest.hexadecimal)\r\n"
        }
        switch courier.send(body, to: "", headers: headers, count: 1) {
        case .sent, .refused:
            courier.settings.book.claims.settle(claim)
            courier.settings.book.noteDelivered(claim.occasion, of: claim.id)
            plan.told(claim)
        case .failed(let seconds):
            plan.failed(now: now, retryAfterSeconds: seconds, chance: courier.chance())
        }
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String {
        reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
