package import Bytes
internal import System

/// A connection of a tool, which waits for each reply. The service's own never waits:
/// `RedisConnection`.
package final class RedisQuestions {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    private static let token = Token(kind: 0, generation: 0, index: 0)

    private let address: NodeAddress
    private let patience: TimeSpan
    private let connection: RedisConnection
    private var poller: Poller

    /// Connects, and says who we are.
    /// - Parameter patience: how long each reply may take.
    package init(
        _ address: NodeAddress, _ settings: ServerSettings,
        patience: TimeSpan = .seconds(30)
    ) throws(Failure) {
        self.address = address
        self.patience = patience
        poller = try RedisQuestions.asked(address) { () throws(SystemError) in try Poller() }
        connection = try RedisQuestions.connect(
            address, settings, watching: &poller, until: Clock.now() + patience)
        var commands = CommandBuffer()
        let said = commands.introduce(settings)
        _ = try replies(to: commands, count: (said.auth ? 1 : 0) + (said.select ? 1 : 0))
    }

    private static func connect(
        _ address: NodeAddress, _ settings: ServerSettings, watching poller: inout Poller,
        until deadline: Instant
    ) throws(Failure) -> RedisConnection {
        var reason = "no address"
        for place in try places(address, settings) {
            let connection = RedisConnection(
                place.address, security: settings.security(of: place.host))
            switch try occurrence(connection, address, watching: &poller, until: deadline) {
            case .connected: return connection
            case .closed(let text): reason = text
            case .reply, .entryID: reason = "a reply that nothing asked for"
            }
            // Its descriptor leaves the poller with it.
            connection.close()
        }
        throw Failure(description: "\(address): \(reason)")
    }

    private static func places(
        _ address: NodeAddress, _ settings: ServerSettings
    ) throws(Failure) -> [ServerPlace] {
        // A sentinel is where it is said to be.
        var settings = settings
        if settings.sentinels.contains(address) { settings.sentinels = [] }
        do throws(ResolutionFailure) {
            return try address.places(settings)
        } catch {
            throw Failure(description: error.reason)
        }
    }

    private static func asked<Value: ~Copyable>(
        _ address: NodeAddress, _ body: () throws(SystemError) -> Value
    ) throws(Failure) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw Failure(description: "\(address): \(error.description)")
        }
    }

    /// Waits for what occurs next.
    private static func occurrence(
        _ connection: RedisConnection, _ address: NodeAddress, watching poller: inout Poller,
        until deadline: Instant
    ) throws(Failure) -> RedisConnection.Occurrence {
        while true {
            if let occurrence = connection.nextOccurrence() { return occurrence }
            connection.write()
            let left = deadline - Clock.now()
            guard left > TimeSpan(nanoseconds: 0) else {
                throw Failure(description: "\(address): no answer in time")
            }
            let count = try asked(address) { () throws(SystemError) in
                try connection.watch(poller, token)
                return try poller.wait(left)
            }
            for index in 0..<count { connection.handle(poller.event(at: index)) }
        }
    }

    /// Sends commands, and waits for the reply to each.
    /// - Throws: also where one of them is refused.
    package func replies(
        to commands: borrowing CommandBuffer, count: Int
    ) throws(Failure) -> [Reply] {
        guard count > 0 else { return [] }
        connection.send(commands)
        var replies: [Reply] = []
        while replies.count < count {
            switch try RedisQuestions.occurrence(
                connection, address, watching: &poller, until: Clock.now() + patience)
            {
            case .reply(.failure(let refused)):
                throw Failure(description: "\(address): \(refused.text)")
            case .reply(let reply): replies.append(reply)
            case .entryID(let id): replies.append(.text(Array("\(id)".utf8)))
            case .closed(let reason): throw Failure(description: "\(address): \(reason)")
            case .connected: continue
            }
        }
        return replies
    }
}
