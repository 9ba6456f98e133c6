internal import Bytes
package import Detection
internal import Redis
package import System
package import TLS
internal import Telemetry
package import Wire

/// What all loops of a process share of the log in Redis: settings, counts, and what one of them
/// last saw of the fleet and the list of devices.
package final class SharedRedis: SharedLogs {
    let parameters: FoldParameters
    let settings: RedisSettings
    /// Whether the readable keys of the five services are written too.
    let mirrors: Bool
    let metrics = RedisMetrics()
    package let exchange: LoopExchange
    package let reader: HistoryReader<HistoryQuestion>

    /// Why it cannot be used at all.
    package enum OpeningError: Error {
        case system(SystemError)
        case tls(TLSError)
    }

    /// - Throws: when the thread that reads the past cannot be started, or TLS cannot be set up.
    package init(
        at location: RedisLocation, _ configuration: Configuration, _ parameters: FoldParameters,
        loops: Int
    ) throws(OpeningError) {
        self.parameters = parameters
        do throws(TLSError) {
            settings = RedisSettings(
                location, configuration,
                secureContext: try RedisSettings.secureContext(location, configuration))
        } catch {
            throw .tls(error)
        }
        mirrors = configuration.redisMirror == .on
        let exchange = LoopExchange(loops: loops, timeToLive: settings.timeToLive)
        self.exchange = exchange
        exchange.incidents.claims.share { exchange.requests.wake() }
        do throws(SystemError) {
            reader = try HistoryReader(
                parameters, timeToLive: Int(configuration.seriesTimeToLive.milliseconds))
        } catch {
            throw .system(error)
        }
    }

    package var summary: String {
        let named = settings.server
        let servers = (named.servers + named.sentinels).map(\.description).joined(separator: ",")
        let tls = settings.server.secureContext == nil ? "" : ", by TLS"
        return "\(settings.isCluster ? "redis-cluster" : "redis") at \(servers)\(tls)"
    }

    package var oldestKeyTime: Int? {
        let time = metrics.value(.oldestKey)
        return time == 0 ? nil : time
    }

    /// Whether samples can be stored.
    var isUp: Bool { metrics.value(.isUp) == 1 }
}
