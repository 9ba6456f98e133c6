internal import Synchronization
internal import System
internal import TLS
internal import Wire

/// The certificate that the service shows to its clients: TLS_CERT with TLS_KEY.
final class Certificate: Sendable {
    private let configuration: Configuration
    private let current: Mutex<TLSContext>
    private let files: WatchedFiles

    /// - Returns: nil where none is set: the service is reached without TLS.
    init?(_ configuration: Configuration) throws(TLSError) {
        guard !configuration.certificateFile.isEmpty else { return nil }
        self.configuration = configuration
        files = WatchedFiles([configuration.certificateFile, configuration.keyFile])
        current = Mutex(try Certificate.context(configuration))
    }

    /// For a connection that begins now.
    var context: TLSContext { current.withLock { $0 } }

    /// Reads the files again if they have changed. Files that do not fit each other change nothing:
    /// the second of them may be about to come.
    func readAgain(isForced: Bool) {
        guard files.haveChanged() || isForced else { return }
        do throws(TLSError) {
            let fresh = try Certificate.context(configuration)
            current.withLock { $0 = fresh }
            Log.info("TLS_CERT and TLS_KEY were read again")
        } catch {
            Log.warning("TLS_CERT: \(error.description); the certificate before stays")
        }
    }

    private static func context(_ configuration: Configuration) throws(TLSError) -> TLSContext {
        try TLSContext(certificate: configuration.certificateFile, key: configuration.keyFile)
    }
}
