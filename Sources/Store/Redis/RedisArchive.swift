internal import Bytes
package import Detection
internal import Redis
internal import TLS
package import Wire

/// Redis, as the tools of a file read it: each of its logs is copied first.
extension SeriesArchive {
    /// Copies all logs of a Redis, or of a Redis Cluster, as they are now. The copies are in
    /// temporary files of SQLite's, which go with the archives.
    /// - Parameter judge: the settings that the replicas judge with.
    package static func copies(
        of location: RedisLocation, _ configuration: Configuration, keyLimit: Int,
        judge: FoldParameters
    ) throws(ArchiveError) -> [SeriesArchive] {
        let settings: RedisSettings
        do throws(TLSError) {
            settings = RedisSettings(
                location, configuration,
                secureContext: try RedisSettings.secureContext(location, configuration))
        } catch {
            throw ArchiveError(error.description)
        }
        let servers = try told { () throws(RedisQuestions.Failure) in try LogServers(settings) }
        var archives: [SeriesArchive] = []
        for (tag, part) in servers.logs {
            let keys = LogKeys(tag: tag)
            let server = try told { () throws(RedisQuestions.Failure) in
                try servers.server(of: keys)
            }
            let tables = try emptyTables()
            try RedisCopy.copy(
                keys, of: server, into: tables, keyLimit: keyLimit, judge: judge)
            archives.append(
                try SeriesArchive(
                    tables.database, name: String(decoding: keys.log, as: UTF8.self), part,
                    keyLimit: keyLimit))
        }
        return archives
    }

    private static func told<Value>(
        _ body: () throws(RedisQuestions.Failure) -> Value
    ) throws(ArchiveError) -> Value {
        do throws(RedisQuestions.Failure) {
            return try body()
        } catch {
            throw ArchiveError(error.description)
        }
    }

    /// Of a temporary file, which SQLite makes when the memory for it is used up.
    private static func emptyTables() throws(ArchiveError) -> FileTables {
        do throws(FileFault) {
            return try FileTables("", waitsForDisk: false)
        } catch {
            throw ArchiveError("a temporary file: \(error.reason)")
        }
    }
}

/// The servers that have the logs, each asked over one connection.
private final class LogServers {
    /// The tags of the logs, and which series each has.
    let logs: [(tag: String, part: SeriesArchive.Part)]
    private let settings: RedisSettings
    private let map: SlotMap
    private var open: [NodeAddress: RedisQuestions] = [:]

    init(_ settings: RedisSettings) throws(RedisQuestions.Failure) {
        self.settings = settings
        map = try LogServers.map(settings)
        var commands = CommandBuffer()
        commands.command("GET", LogMeta.key)
        let hashSlot = SlotMap.slot(ofKey: LogMeta.key.bytes.span)
        guard let owner = map.owner(hashSlot) else {
            throw RedisQuestions.Failure(description: "no server has slot \(hashSlot)")
        }
        let address = map.nodes[owner]
        let questions = try RedisQuestions(address, settings.server)
        open[address] = questions
        guard case .text(let text) = try questions.replies(to: commands, count: 1)[0],
            let meta = LogMeta(text)
        else {
            throw RedisQuestions.Failure(
                description: "\(address): there is no log of series that this build knows")
        }
        let part: SeriesArchive.Part = meta.tags.count == 1 ? .all : .devices
        logs = meta.tags.map { ($0, part) } + (meta.fleetTag.map { [($0, .fleet)] } ?? [])
    }

    /// The server that has a log.
    func server(of keys: LogKeys) throws(RedisQuestions.Failure) -> RedisQuestions {
        guard let owner = map.owner(keys.hashSlot) else {
            throw RedisQuestions.Failure(description: "no server has slot \(keys.hashSlot)")
        }
        let address = map.nodes[owner]
        if let known = open[address] { return known }
        let questions = try RedisQuestions(address, settings.server)
        open[address] = questions
        return questions
    }

    private static func map(_ settings: RedisSettings) throws(RedisQuestions.Failure) -> SlotMap {
        guard settings.isCluster else { return SlotMap(single: settings.server.servers[0]) }
        var last = RedisQuestions.Failure(description: "no server is named")
        for address in settings.server.servers {
            do throws(RedisQuestions.Failure) {
                var commands = CommandBuffer()
                commands.command("CLUSTER", "SLOTS")
                let replies = try RedisQuestions(address, settings.server)
                    .replies(to: commands, count: 1)
                if let map = SlotMap(replies[0], from: address) { return map }
                last = RedisQuestions.Failure(description: "\(address): CLUSTER SLOTS has none")
            } catch {
                last = error
            }
        }
        throw last
    }
}
