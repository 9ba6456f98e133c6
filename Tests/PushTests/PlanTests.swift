import Bytes
import Detection
import Numerics
import TLS
import Testing
import Wire

@testable import Push
@testable import Store

/// An incident with nothing special about it.
private func incident(_ device: String, isClosed: Bool = false) -> Incident {
    var verdict = Verdict()
    (verdict.life, verdict.incident, verdict.sequence) = (7, 30, 30)
    (verdict.alert, verdict.reason, verdict.score) = (true, .spike, 10)
    (verdict.expected, verdict.lower, verdict.upper) = (100, 90, 110)
    var made = Incident(
        verdict, of: Sample(timestamp: 1_700_000_000, cpu: 5, rps: 20.5),
        device: Array(device.utf8), arrival: 1_700_000_000_123)
    if isClosed {
        made.end(.calm, at: 1_700_000_600, sequence: 40, closedAt: 1_700_000_600_500)
    }
    return made
}

private func at(_ seconds: Double) -> Instant { Instant.zero + .seconds(1_000 + seconds) }

@Suite struct AlertmanagerPlanTests {
    private let first = incident("a").id
    private let second = incident("b").id

    @Test("an open incident is told at once, and again each minute; its end until it is heard")
    func repeats() {
        var plan = AlertmanagerPlan()
        #expect(plan.nextDue == .never)
        plan.note(first, isOpen: true, closedFor: .seconds(0), now: at(0))
        #expect(plan.due(at(0)) == [first] && plan.untold == 1)
        plan.told([first], now: at(0), chance: 0.5)
        #expect(plan.due(at(59)) == [] && plan.due(at(60)) == [first] && plan.untold == 0)
        // News that tell nothing new.
        plan.note(first, isOpen: true, closedFor: .seconds(0), now: at(1))
        #expect(plan.due(at(2)) == [])
        plan.note(first, isOpen: false, closedFor: .seconds(1), now: at(3))
        #expect(plan.due(at(3)) == [first] && plan.untold == 1)
        plan.failed(now: at(3), retryAfterSeconds: nil, chance: 0.5)
        #expect(plan.due(at(3.4)) == [] && plan.nextDue == at(3.5))
        #expect(plan.due(at(3.5)) == [first])
        plan.told([first], now: at(3.5), chance: 0.5)
        #expect(plan.nextDue == .never && plan.untold == 0)
    }

    @Test("pauses grow up to a minute and end with the first success; Retry-After is heard")
    func rests() {
        var plan = AlertmanagerPlan()
        plan.note(first, isOpen: true, closedFor: .seconds(0), now: at(0))
        var now = 0.0
        var pauses: [Double] = []
        for _ in 0..<10 {
            plan.failed(now: at(now), retryAfterSeconds: nil, chance: 0.5)
            pauses.append((plan.nextDue - at(now)).seconds)
            now += 100
        }
        #expect(pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60])
        plan.told([first], now: at(now), chance: 0.5)
        plan.failed(now: at(now), retryAfterSeconds: 7, chance: 0.5)
        plan.note(second, isOpen: true, closedFor: .seconds(0), now: at(now))
        #expect(plan.nextDue == at(now + 7))
    }

    @Test("what ended long ago is not told, and an end that nobody hears is dropped and counted")
    func drops() {
        var plan = AlertmanagerPlan()
        plan.note(first, isOpen: false, closedFor: .seconds(901), now: at(0))
        #expect(plan.nextDue == .never)
        plan.note(second, isOpen: false, closedFor: .seconds(1), now: at(0))
        #expect(plan.due(at(899)) == [second])
        #expect(plan.due(at(900)) == [] && plan.dropped == 1 && plan.nextDue == .never)
        plan.note(first, isOpen: true, closedFor: .seconds(0), now: at(0))
        plan.forget(first)
        #expect(plan.due(at(1)) == [])
    }

    @Test("many are told in portions")
    func portions() {
        var plan = AlertmanagerPlan()
        for number in 0..<600 {
            plan.note(
                incident("d\(number)").id, isOpen: true, closedFor: .seconds(0), now: at(0))
        }
        var counts: [Int] = []
        while case let due = plan.due(at(0)), !due.isEmpty {
            counts.append(due.count)
            plan.told(due, now: at(0), chance: 0)
        }
        #expect(counts == [256, 256, 88])
    }
}

@Suite struct WebhookPlanTests {
    private func note(_ incident: Incident, in plan: inout WebhookPlan, age: Double = 1) {
        plan.note(incident) { _ in .seconds(age) }
    }

    @Test("each event is claimed, then told, that it opened before that it closed")
    func claims() {
        var plan = WebhookPlan()
        #expect(plan.next(at(0)) == .rest(.never))
        var one = incident("a", isClosed: true)
        note(one, in: &plan)
        let (opened, closed) = (IncidentClaim(one.id, .opened), IncidentClaim(one.id, .closed))
        #expect(plan.next(at(0)) == .claim(opened) && plan.question == opened)
        #expect(plan.next(at(0)) == .rest(at(5)), "it waits for the answer")
        plan.answered(opened, isGranted: true, now: at(0))
        #expect(plan.next(at(0)) == .tell(opened))
        plan.told(opened)
        one.noteDelivered(.opened)
        note(one, in: &plan)
        #expect(plan.next(at(0)) == .claim(closed))
        plan.answered(closed, isGranted: true, now: at(0))
        #expect(plan.next(at(0)) == .tell(closed) && plan.count == 1)
        plan.told(closed)
        #expect(plan.next(at(0)) == .rest(.never) && plan.count == 0)
        note(incident("old"), in: &plan, age: 86_401)
        #expect(plan.next(at(0)) == .rest(.never))
    }

    @Test("what another process has claimed is looked at again, unless that one has told it")
    func waitsForOthers() {
        var plan = WebhookPlan()
        var one = incident("a")
        note(one, in: &plan)
        let claim = IncidentClaim(one.id, .opened)
        #expect(plan.next(at(0)) == .claim(claim))
        plan.answered(claim, isGranted: false, now: at(0))
        #expect(plan.next(at(0)) == .rest(at(35)))
        #expect(plan.next(at(35)) == .claim(claim))
        // No answer comes: the store is away.
        #expect(plan.next(at(39)) == .rest(at(40)))
        #expect(plan.next(at(40)) == .rest(at(75)))
        one.noteDelivered(.opened)
        note(one, in: &plan)
        #expect(plan.next(at(75)) == .rest(.never) && plan.count == 0)
    }

    @Test("a failure is claimed again after the pause, because another may have it by then")
    func claimsAgain() {
        var plan = WebhookPlan()
        let one = incident("a")
        note(one, in: &plan)
        note(incident("b"), in: &plan)
        let claim = IncidentClaim(one.id, .opened)
        #expect(plan.next(at(0)) == .claim(claim))
        plan.answered(claim, isGranted: true, now: at(0))
        #expect(plan.next(at(0)) == .tell(claim))
        plan.failed(now: at(0), retryAfterSeconds: nil, chance: 0.5)
        #expect(plan.next(at(0)) == .rest(at(0.5)))
        #expect(plan.next(at(0.5)) == .claim(claim), "in its order")
    }

    @Test("whatever comes in whatever order, each event is told once where one process is alone")
    func tellsEachOnce() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var plan = WebhookPlan()
        var known: [Incident] = []
        var told: [IncidentClaim] = []
        var now = 0.0
        for round in 0..<5_000 {
            now += random.unit()
            switch random.below(4) {
            case 0 where round < 4_000:
                known.append(incident("d\(known.count)"))
                note(known[known.count - 1], in: &plan)
            case 1 where !known.isEmpty && round < 4_000:
                let place = random.below(known.count)
                known[place].end(.calm, at: 1, sequence: 50, closedAt: 1_700_000_600_500)
                note(known[place], in: &plan)
            default:
                switch plan.next(at(now)) {
                case .rest: break
                case .claim(let claim):
                    plan.answered(claim, isGranted: random.below(3) > 0, now: at(now))
                case .tell(let claim):
                    if random.below(4) == 0 {
                        plan.failed(now: at(now), retryAfterSeconds: nil, chance: random.unit())
                    } else {
                        told.append(claim)
                        plan.told(claim)
                        let place = known.firstIndex { $0.id == claim.id } ?? 0
                        known[place].noteDelivered(claim.occasion)
                    }
                }
            }
        }
        for _ in 0..<20_000 where plan.count > 0 {
            now += 1
            switch plan.next(at(now)) {
            case .rest: break
            case .claim(let claim): plan.answered(claim, isGranted: true, now: at(now))
            case .tell(let claim):
                told.append(claim)
                plan.told(claim)
            }
        }
        let closed = known.count { !$0.isOpen }
        #expect(Set(told).count == told.count, "seed \(seed)")
        #expect(told.count == known.count + closed && known.count > 500, "seed \(seed)")
        for incident in known where !incident.isOpen {
            let places = IncidentOccasion.allCases.compactMap { occasion in
                told.firstIndex(of: IncidentClaim(incident.id, occasion))
            }
            #expect(places.count == 2 && places[0] < places[1], "seed \(seed)")
        }
    }
}

@Suite struct PushTextTests {
    @Test("an alert as Alertmanager wants it; its labels stay when the incident gets worse")
    func alertText() {
        var one = incident("web \"1\"")
        func text(_ incident: Incident, _ url: String = "https://tm.example/x/") -> String {
            var body = ByteBuffer(limit: 4096)
            body.append(alert: incident, threshold: 8, externalURL: url, end: 1_700_000_300_000)
            let bytes = body.readable.indices.map { body.readable[$0] }
            return String(decoding: bytes, as: UTF8.self)
        }
        let before = text(one)
        #expect(
            before.hasPrefix(
                #"{"labels":{"alertname":"TidemarkIncident","device":"web \"1\"","reason":"spike","#
                    + #""severity":"warning"},"annotations":{"summary":"web \"1\": "#))
        #expect(before.contains(#","value":"20.5","band":"90 to 110","incident":"7-30-web \"1\"""#))
        #expect(before.contains(#""link":"https://tm.example/x/incidents/7-30-web%20%221%22""#))
        #expect(
            before.contains(
                #""startsAt":"2023-11-14T22:13:20.123Z","endsAt":"2023-11-14T22:18:20.000Z","#))
        #expect(!text(one, "").contains("generatorURL") && !text(one, "").contains("link"))
        one.peak = 500
        one.alerts = 30
        #expect(text(one).prefix(120) == before.prefix(120))
        #expect(!text(incident("")).contains("device"))
        #expect(text(incident("")).contains(#""severity":"critical""#))
    }

    @Test("HMAC-SHA-256 is that of RFC 4231, cases 1, 2 and 6")
    func signs() {
        func hex(_ text: [UInt8], _ key: [UInt8]) -> String {
            Signature.sha256(of: text.span, key: key).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        #expect(
            hex(Array("Hi There".utf8), Array(repeating: 0x0B, count: 20))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hex(Array("what do ya want for nothing?".utf8), Array("Jefe".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hex(
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                Array(repeating: 0xAA, count: 131))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}
