internal import Options
internal import Push
internal import Store
internal import System
internal import TLS
internal import Wire

/// Who is told of incidents, from the configuration.
enum Notifications {
    /// - Returns: nil where nobody is to be told.
    static func start(_ shared: SharedState) throws(Server.StartError) -> Notifier? {
        let targets: [PushTarget]
        do throws(TLSError) {
            targets = try Notifications.targets(shared)
        } catch {
            throw .authorities(error)
        }
        guard !targets.isEmpty else { return nil }
        let settings = PushSettings(
            book: shared.store.incidents, metrics: shared.pushMetrics,
            threshold: shared.configuration.alertThreshold,
            externalURL: shared.configuration.externalURL
        ) { isWarning, text in
            if isWarning { Log.warning(text) } else { Log.info(text) }
        }
        do throws(SystemError) {
            return try Notifier(targets, settings)
        } catch {
            throw .system(error)
        }
    }

    private static func targets(_ shared: SharedState) throws(TLSError) -> [PushTarget] {
        let configuration = shared.configuration
        let trust = TLSContext.Trust.authorities(file: configuration.authoritiesFile)
        var targets: [PushTarget] = []
        // The settings have been checked when they were read.
        for text in configuration.alertmanagerURLs {
            guard let url = try? ServiceURL(text, flag: "ALERTMANAGER_URL") else { continue }
            targets.append(
                try PushTarget(
                    .alertmanager, url, tokenFile: configuration.alertmanagerTokenFile,
                    trust: trust))
        }
        let hook = configuration.webhookURL
        if let url = try? ServiceURL(hook, flag: "WEBHOOK_URL", allowsQuery: true) {
            targets.append(
                try PushTarget(
                    .webhook, url, tokenFile: configuration.webhookTokenFile,
                    secret: configuration.webhookSecret, trust: trust))
        }
        return targets
    }
}
