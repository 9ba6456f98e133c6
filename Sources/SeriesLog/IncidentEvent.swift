package import Detection

/// A sample that began, prolonged or ended an incident.
package struct IncidentEvent: Sendable {
    /// Empty for the fleet's series.
    package let device: [UInt8]
    package let sample: Sample
    package let verdict: Verdict
    /// When it came, in Unix milliseconds.
    package let arrival: Int

    package init(device: [UInt8], sample: Sample, verdict: Verdict, arrival: Int) {
        self.device = device
        self.sample = sample
        self.verdict = verdict
        self.arrival = arrival
    }
}
