internal import Bytes

/// Redis' sentinels, which say who is the master now.
enum Sentinels {
    /// How long one of them may take.
    private static let patience = TimeSpan.seconds(1)

    /// The master that most of those name that answer; blocks meanwhile. One of them may be cut off
    /// from the others, and know less.
    static func master(_ settings: ServerSettings) throws(ResolutionFailure) -> NodeAddress {
        var own = settings
        own.user = settings.sentinelUser
        own.password = settings.sentinelPassword
        own.database = 0
        var votes: [NodeAddress: Int] = [:]
        var reason = "no sentinel is named"
        for sentinel in settings.sentinels {
            do throws(RedisQuestions.Failure) {
                if let master = try ask(sentinel, own, for: settings.masterName) {
                    votes[master, default: 0] += 1
                } else {
                    reason = "the sentinel at \(sentinel) knows no master \(settings.masterName)"
                }
            } catch {
                reason = "the sentinel at \(error.description)"
            }
        }
        guard let first = votes.max(by: { $0.value < $1.value }) else {
            throw ResolutionFailure(reason: reason)
        }
        return first.key
    }

    private static func ask(
        _ sentinel: NodeAddress, _ settings: ServerSettings, for name: String
    ) throws(RedisQuestions.Failure) -> NodeAddress? {
        let questions = try RedisQuestions(sentinel, settings, patience: patience)
        var commands = CommandBuffer()
        commands.begin(3)
        commands.add("SENTINEL")
        commands.add("GET-MASTER-ADDR-BY-NAME")
        commands.add(text: name)
        commands.end()
        guard case .array(let parts)? = try questions.replies(to: commands, count: 1).first,
            parts.count == 2, case .text(let host) = parts[0], case .text(let port) = parts[1],
            let number = UInt16(String(decoding: port, as: UTF8.self))
        else { return nil }
        return NodeAddress(host: String(decoding: host, as: UTF8.self), port: number)
    }
}
