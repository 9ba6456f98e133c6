extension RunResult {
    /// Whether retries are worth a word: they were allowed, or there were some, or a server has
    /// seen a request before.
    var tellsRetries: Bool { plan.retryLimit > 0 || retries.total > 0 || duplicates > 0 }

    /// The retries by their cause, in a few words.
    var retriesText: String {
        guard retries.total > 0 else { return "0" }
        let causes = retries.kinds.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        return "\(retries.total): "
            + causes.map { "\($0.value) after \($0.key)" }.joined(separator: ", ")
    }

    /// How many requests were in need of a retry, and for how many one was enough.
    var retriedText: String { "\(retriedRequests), of which \(recoveredRequests) succeeded" }
}
