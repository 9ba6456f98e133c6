internal import Bytes

/// Redis' sentinels, which say who is the master now.
enum Sentinels {
    /// How long one of them may take.
    private static let patience = TimeSpan.seconds(1)

    /// The master of this name, by most of those that answer; blocks meanwhile. One of them may be
    /// cut off from the others, and know less.
    static func master(
        _ name: String, _ settings: ServerSettings
    ) throws(ResolutionFailure) -> NodeAddress {
        var own = settings
        own.user = settings.sentinelUser
        own.password = settings.sentinelPassword
        own.database = 0
        var votes: [NodeAddress: Int] = [:]
        var reason = "no sentinel is named"
        for sentinel in settings.sentinels {
            do throws(RedisQuestions.Failure) {
                if let master = try ask(sentinel, own, for: name) {
                    votes[master, default: 0] += 1
                } else {
                    reason = "the sentinel at \(sentinel) knows no master \(name)"
                }
            } catch {
                reason = "the sentinel at \(error.description)"
            }
        }
        guard let most = votes.values.max() else { throw ResolutionFailure(reason: reason) }
        let masters = votes.filter { $0.value == most }.map(\.key)
        // While a master is replaced. One of them is deposed, and must not be written to.
        guard let master = masters.first, masters.count == 1 else {
            throw ResolutionFailure(reason: "the sentinels name different masters")
        }
        return master
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
