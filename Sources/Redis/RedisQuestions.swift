internal import Bytes
internal import System

/// A connection of a tool, which waits for each reply. The service's own never waits:
/// `RedisConnection`.
package final class RedisQuestions {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// How long a server may take for a reply.
    private static let patience = TimeSpan.seconds(30)
    private static let token = Token(kind: 0, generation: 0, index: 0)

    private let address: NodeAddress
    private let connection: RedisConnection
    private var poller: Poller

    /// Connects, and says who we are.
    package init(_ address: NodeAddress, _ settings: ServerSettings) throws(Failure) {
        self.address = address
        poller = try RedisQuestions.asked(address) { () throws(SystemError) in try Poller() }
        connection = try RedisQuestions.connect(address, settings, watching: &poller)
        var commands = CommandBuffer()
        let said = commands.introduce(settings)
        _ = try replies(to: commands, count: (said.auth ? 1 : 0) + (said.select ? 1 : 0))
    }

    private static func connect(
        _ address: NodeAddress, _ settings: ServerSettings, watching poller: inout Poller
    ) throws(Failure) -> RedisConnection {
        var reason = "no address"
        for place in try addresses(address) {
            let connection = RedisConnection(place, security: settings.security(of: address))
            switch try occurrence(connection, address, watching: &poller) {
            case .connected: return connection
            case .closed(let text): reason = text
            case .reply, .entryID: reason = "a reply that nothing asked for"
            }
            // Its descriptor leaves the poller with it.
            connection.close()
        }
        throw Failure(description: "\(address): \(reason)")
    }

    private static func addresses(_ address: NodeAddress) throws(Failure) -> [SocketAddress] {
        do throws(ResolveError) {
            return try address.resolved()
        } catch {
            throw Failure(description: error.description)
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
        _ connection: RedisConnection, _ address: NodeAddress, watching poller: inout Poller
    ) throws(Failure) -> RedisConnection.Occurrence {
        let deadline = Clock.now() + patience
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
            switch try RedisQuestions.occurrence(connection, address, watching: &poller) {
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
