import Bytes
import Detection
import Numerics
import Testing

@testable import Wire

@Suite struct IncidentTests {
    private func incident(_ random: inout SeededRandom) -> Incident {
        var verdict = Verdict()
        verdict.sequence = 1 + random.below(1_000_000)
        verdict.incident = verdict.sequence
        verdict.life = random.next() >> 2
        verdict.score = Double(random.below(10_000)) / 7
        verdict.alert = true
        verdict.reason = Reason(rawValue: UInt8(1 + random.below(7))) ?? .spike
        verdict.lower = -1.5
        verdict.upper = 12
        var incident = Incident(
            verdict, of: Sample(timestamp: 1_700_000_000.25, cpu: 1, rps: 99),
            device: random.below(3) == 0 ? [] : Array("höst-\(random.below(9))".utf8),
            arrival: 1_700_000_000_000 + random.below(1_000))
        if random.below(2) == 0 {
            incident.end(
                .learnt, at: 1_700_000_100, sequence: verdict.sequence + 9,
                closedAt: 1_700_000_200_000 + random.below(1_000))
        }
        if random.below(2) == 0 {
            incident.feedback = IncidentFeedback(
                isReal: random.below(2) == 0, note: Array("nötig \"x\"".utf8),
                toldAt: random.below(1_000))
        }
        for occasion in IncidentOccasion.allCases where random.below(3) == 0 {
            incident.noteDelivered(occasion)
        }
        return incident
    }

    @Test("what a build before kept of an incident is read, without what it did not know")
    func readsTheVersionBefore() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<200 {
            let incident = incident(&random)
            var bytes = incident.bytes
            bytes[0] = 1
            bytes[3] &= 3
            // Without the time of closing, the cpu and the first score.
            let head = 4
            bytes.removeSubrange((head + 16 * 8)..<(head + 18 * 8))
            bytes.removeSubrange((head + 8 * 8)..<(head + 9 * 8))
            let old = try #require(Incident(bytes))
            #expect(old.id == incident.id && old.feedback == incident.feedback)
            #expect(old.peak == incident.peak && old.endedAt == incident.endedAt)
            #expect(old.isOpen == incident.isOpen && old.hasRange == (old.reason.measure == .load))
            #expect(!old.isDelivered(.opened) && Incident(old.bytes) == old)
        }
    }

    @Test("an incident comes back as it was kept, and its ID as it was told")
    func roundTrip() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<1_000 {
            let incident = incident(&random)
            #expect(Incident(incident.bytes) == incident)
            #expect(IncidentID(Array(incident.id.text.utf8)) == incident.id)
            var spoilt = incident.bytes
            spoilt[random.below(spoilt.count)] = UInt8(random.below(256))
            _ = Incident(spoilt)
            _ = Incident(Array(spoilt.prefix(random.below(spoilt.count))))
        }
    }

    private func text(_ buffer: borrowing ByteBuffer) -> String {
        let bytes = buffer.readable
        return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }

    @Test("a verdict names its incident as the list does")
    func spellsIDs() {
        var random = SeededRandom(seed: 9)
        for shift in 0..<64 {
            var verdict = Verdict()
            verdict.life = max(1, random.next() >> UInt64(shift))
            verdict.sequence = 1_000_000 + random.below(1_000)
            verdict.incident = 1 + random.below(1_000_000)
            let device = Array("h\"ö-\(random.below(9))".utf8)
            var verdictText = ByteBuffer(limit: 4096)
            verdictText.append(verdict, device: device.span)
            var id = ByteBuffer(limit: 4096)
            id.append(
                jsonString: IncidentID(
                    life: verdict.life, sequence: verdict.incident, device: device
                ).text)
            let wanted = "\"incident\":" + self.text(id)
            #expect(self.text(verdictText).hasSuffix(wanted))
        }
    }

    @Test(
        "what is no ID is none",
        arguments: ["", "-", "--", "1-1", "1-0-a", "1--a", "+1-1-a", "1-x-a", "1-1-\u{7}", "!-1-a"])
    func badIDs(_ text: String) {
        #expect(IncidentID(Array(text.utf8)) == nil)
    }

    @Test("two processes know the same of an incident, whoever told whom first, and however often")
    func merges() {
        var random = SeededRandom(seed: 8)
        for _ in 0..<1_000 {
            let first = incident(&random)
            var (one, other) = (first, first)
            for _ in 0..<3 {
                var verdict = Verdict()
                verdict.sequence = first.id.sequence + random.below(20)
                verdict.alert = random.below(2) == 0
                verdict.score = Double(random.below(100))
                verdict.ending = random.below(3) == 0 ? .calm : .none
                let sample = Sample(timestamp: 1_700_000_500, cpu: 1, rps: 1)
                if random.below(2) == 0 {
                    _ = one.take(verdict, of: sample, arrival: 1_700_000_500_000)
                } else {
                    _ = other.take(verdict, of: sample, arrival: 1_700_000_500_000)
                }
            }
            if random.below(3) == 0 {
                one.feedback = IncidentFeedback(
                    isReal: true, note: [], toldAt: 2_000 + random.below(5))
            }
            var (left, right) = (one, other)
            _ = left.merge(other)
            _ = right.merge(one)
            let isSame =
                left.endedSequence == right.endedSequence && left.alerts == right.alerts
                && left.peak == right.peak && left.feedback == right.feedback
                && left.isOpen == right.isOpen
            #expect(isSame, "seed 8: \(one) and \(other)")
            let again = left
            #expect(!left.merge(other) && left == again)
        }
    }

    private func feedback(_ body: String) throws -> IncidentFeedback {
        try FeedbackDecoder.decode(Array(body.utf8).span, now: 5)
    }

    @Test("a feedback says whether it was real, and may have a note")
    func readsFeedback() throws {
        #expect(
            try feedback("{\"real\":true}")
                == IncidentFeedback(isReal: true, note: [], toldAt: 5))
        let other = try feedback(" {\"note\":\"a\\nb\", \"x\":[1], \"real\" : false} ")
        #expect(!other.isReal && other.note == Array("a\nb".utf8))
        let long = String(repeating: "n", count: 1_000)
        #expect(try feedback("{\"real\":true,\"note\":\"\(long)\"}").note.count == 1_000)
        for bad in [
            "", "{}", "true", "{\"real\":1}", "{\"real\":true", "{\"real\":true}x",
            "{\"real\":true,\"note\":\"\(long)n\"}", "{\"real\":true,\"note\":5}",
        ] {
            #expect(throws: FeedbackDecoder.Fault.self) { try self.feedback(bad) }
        }
    }
}
