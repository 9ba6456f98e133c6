internal import Bytes
internal import Wire

/// How many replicas of a server must confirm what is written, and what is done while fewer do.
///
/// A replica that hangs stays attached for a minute. So what counts is whether WAIT is answered:
/// after a second without, the watch is degraded, and asks again now and then whether it still is.
struct ReplicaWatch: Sendable {
    /// Confirmations that fail for so long are no hiccup.
    static let patience = TimeSpan.seconds(1)
    static let probeInterval = TimeSpan.milliseconds(500)
    /// What is awaited.
    struct Wish: Equatable, Sendable {
        let replicas: Int
        /// It asks for all that are wanted, to see whether they confirm again.
        let isProbe: Bool
    }

    private let wanted: Int
    private let strictness: ReplicaStrictness
    /// Replicas that are attached, as the server says.
    private(set) var attached = 0
    /// As many as are wanted have been seen, here or by another process.
    private(set) var hasSeenAll = false
    /// Since when confirmations are missing; never while they are not.
    private var missingSince = Instant.never
    /// The last confirmation, where it was short for too long.
    private var confirming: Int?
    private var nextProbe = Instant.zero

    init(wanted: Int, _ strictness: ReplicaStrictness) {
        self.wanted = wanted
        self.strictness = strictness
    }

    /// Nothing is written without as many confirmations as are wanted.
    var isStrict: Bool {
        switch strictness {
        case .off: false
        case .on: wanted > 0
        case .auto: wanted > 0 && hasSeenAll
        }
    }

    /// Replicas that confirm, as far as is known.
    var confirmed: Int { min(attached, confirming ?? attached) }
    var isShort: Bool { confirmed < wanted }
    /// Whether nothing may be written now.
    var isBlocking: Bool { isStrict && isShort }

    /// What a write waits for.
    func wish(_ now: Instant) -> Wish {
        Wish(replicas: isStrict ? wanted : min(wanted, confirmed), isProbe: false)
    }

    /// A question whether all confirm again, where that is due.
    mutating func probe(_ now: Instant) -> Wish? {
        guard confirming != nil, attached >= wanted, nextProbe <= now else { return nil }
        nextProbe = now + ReplicaWatch.probeInterval
        return Wish(replicas: wanted, isProbe: true)
    }

    /// When a probe is due; never when none is.
    var probeDue: Instant { confirming != nil && attached >= wanted ? nextProbe : .never }

    /// The server tells how many are attached.
    mutating func note(attached count: Int) {
        attached = count
        if count >= wanted { hasSeenAll = true }
    }

    /// Another process has seen as many.
    mutating func noteRemembered() { hasSeenAll = true }

    /// A new connection: what the one before missed says nothing of it.
    mutating func reset() {
        missingSince = .never
        confirming = nil
    }

    /// The answer to a WAIT.
    /// - Returns: whether it is enough for what was written.
    mutating func received(_ count: Int, of wish: Wish, now: Instant) -> Bool {
        if count >= wanted {
            reset()
            return true
        }
        if count >= wish.replicas {
            // What is left of them confirms; that the others do not is known.
            return true
        }
        if missingSince == .never { missingSince = now }
        if wish.isProbe || now - missingSince >= ReplicaWatch.patience {
            confirming = count
            nextProbe = now + ReplicaWatch.probeInterval
        }
        return false
    }
}
