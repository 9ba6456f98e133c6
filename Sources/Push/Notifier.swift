package import Store
package import System
internal import Wire

/// What all targets' threads share.
package struct PushSettings: Sendable {
    package let book: IncidentBook
    package let metrics: PushMetrics
    /// ALERT_THRESHOLD.
    package let threshold: Double
    /// EXTERNAL_URL; empty where it is not known.
    package let externalURL: String
    /// Writes a line for the operator.
    package let tell: @Sendable (_ isWarning: Bool, _ text: String) -> Void

    package init(
        book: IncidentBook, metrics: PushMetrics, threshold: Double, externalURL: String,
        tell: @escaping @Sendable (_ isWarning: Bool, _ text: String) -> Void
    ) {
        self.book = book
        self.metrics = metrics
        self.threshold = threshold
        self.externalURL = externalURL
        self.tell = tell
    }
}

/// Tells others of incidents: each target has a thread of its own, so that one that is away holds
/// up nobody.
package final class Notifier: Sendable {
    private let threads: [PushThread]

    package init(_ targets: [PushTarget], _ settings: PushSettings) throws(SystemError) {
        var threads: [PushThread] = []
        for target in targets { threads.append(try PushThread(target, settings)) }
        self.threads = threads
    }

    /// Tells what is due, and ends.
    package func stop() {
        for thread in threads { thread.stop() }
    }
}
