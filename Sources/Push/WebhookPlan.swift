internal import Bytes
internal import Store
internal import Wire

/// What the webhook is to be told next, and whether this process is the one to tell it. It decides;
/// a `PushThread` performs.
///
/// Each event is claimed before it is told, because all processes that share a store know of it. A
/// claim that another one has is looked at again when it must have been told, or the other one has
/// died.
struct WebhookPlan {
    enum Step: Equatable {
        case claim(IncidentClaim)
        case tell(IncidentClaim)
        /// Nothing until then.
        case rest(Instant)
    }

    /// What happened longer ago is not told: whoever sets WEBHOOK_URL for the first time does not
    /// want the past.
    static let ageLimit = TimeSpan.seconds(86_400)
    /// How long an answer to a claim is waited for.
    static let answerTime = TimeSpan.seconds(5)
    /// When a claim that another process has is looked at again.
    static let claimedByOther = TimeSpan.seconds(35)

    /// Events that are not told yet, and in which order they come: new ones, and those that another
    /// process has claimed, with the time of the next look. Both lists may name what waits no more.
    private var waiting: Set<IncidentClaim> = []
    private var fresh: ArraySlice<IncidentClaim> = []
    private var later: ArraySlice<(claim: IncidentClaim, at: Instant)> = []
    /// The claim that an answer is waited for, and how long; then the one that is granted.
    private var asked: (claim: IncidentClaim, until: Instant)?
    private var granted: IncidentClaim?
    private var pause = PushPause()

    var count: Int { waiting.count }

    /// Takes what is known of an incident now.
    /// - Parameter age: how long ago an event was.
    mutating func note(_ incident: Incident, age: (IncidentOccasion) -> TimeSpan) {
        for occasion in IncidentOccasion.allCases {
            let claim = IncidentClaim(incident.id, occasion)
            let isNews =
                !incident.isDelivered(occasion) && (occasion == .opened || !incident.isOpen)
                && age(occasion) < WebhookPlan.ageLimit
            if !isNews {
                waiting.remove(claim)
            } else if waiting.insert(claim).inserted {
                fresh.append(claim)
            }
        }
    }

    /// It is not known any more.
    mutating func forget(_ id: IncidentID) {
        for occasion in IncidentOccasion.allCases { waiting.remove(IncidentClaim(id, occasion)) }
    }

    mutating func next(_ now: Instant) -> Step {
        if !pause.isOver(now) { return .rest(pause.until) }
        if let claim = granted {
            if waiting.contains(claim) { return .tell(claim) }
            granted = nil
        }
        if let asked {
            guard asked.until <= now else { return .rest(asked.until) }
            answered(asked.claim, isGranted: false, now: now)
        }
        while let claim = takeDue(now) {
            guard waiting.contains(claim) else { continue }
            // That it was opened is told before that it was closed.
            if claim.occasion == .closed, waiting.contains(IncidentClaim(claim.id, .opened)) {
                later.append((claim, now + WebhookPlan.claimedByOther))
                continue
            }
            asked = (claim, now + WebhookPlan.answerTime)
            return .claim(claim)
        }
        return .rest(later.first?.at ?? .never)
    }

    private mutating func takeDue(_ now: Instant) -> IncidentClaim? {
        if let first = later.first, first.at <= now { return later.removeFirst().claim }
        return fresh.popFirst()
    }

    /// The claim that an answer is waited for.
    var question: IncidentClaim? { asked?.claim }

    mutating func answered(_ claim: IncidentClaim, isGranted: Bool, now: Instant) {
        asked = nil
        if isGranted {
            granted = claim
        } else {
            later.append((claim, now + WebhookPlan.claimedByOther))
        }
    }

    /// It was told, or refused for what it is.
    mutating func told(_ claim: IncidentClaim) {
        pause.end()
        waiting.remove(claim)
        granted = nil
    }

    /// It is to be claimed again: another process may have it by then.
    mutating func failed(now: Instant, retryAfterSeconds: Int?, chance: Double) {
        if let claim = granted { fresh.insert(claim, at: fresh.startIndex) }
        granted = nil
        pause.begin(now: now, retryAfterSeconds: retryAfterSeconds, chance: chance)
    }
}
