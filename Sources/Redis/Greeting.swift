internal import Bytes

/// The first words on a new connection: who we are, which database, who the server takes us for,
/// whether it is a master, and new enough; and, when the connection before was cut with entries in
/// flight, that the old one is to be closed, so that nothing it still holds is written later.
package struct Greeting: Sendable {
    /// A connection as its server names it: the number alone could be another's after a restart.
    package struct Client: Sendable, Equatable {
        package let id: [UInt8]
        package let address: [UInt8]
    }

    package enum Outcome: Equatable {
        case goOn
        case ready
        case refused(String)
    }

    private enum Step { case auth, select, version, client, role, wait, fence }

    /// The first one that numbers entries behind a first half that is given (`XADD 5-*`).
    private static let oldestVersion = 7
    package static let versionNeeded = "Redis \(oldestVersion).0 or newer is needed"

    private var steps: [Step] = []
    private var needsReplicas = false
    package private(set) var client: Client?
    package private(set) var replicas = 0
    /// The old connection can write no more.
    package private(set) var isFenced = true

    /// Writes the commands, as a pipeline.
    package init(
        _ settings: ServerSettings, fencing old: Client?, into commands: inout CommandBuffer
    ) {
        let said = commands.introduce(settings)
        if said.auth { steps.append(.auth) }
        if said.select { steps.append(.select) }
        commands.command("INFO", "server")
        steps.append(.version)
        commands.command("CLIENT", "INFO")
        steps.append(.client)
        commands.command("ROLE")
        steps.append(.role)
        if settings.needsReplicas {
            // Whether it is allowed: it waits for nobody.
            commands.command("WAIT", "0", "0")
            steps.append(.wait)
        }
        needsReplicas = settings.needsReplicas
        if let old {
            commands.begin(6)
            commands.add("CLIENT")
            commands.add("KILL")
            commands.add("ID")
            commands.add(old.id.span)
            commands.add("ADDR")
            commands.add(old.address.span)
            commands.end()
            steps.append(.fence)
        }
    }

    /// Whether the server has said something.
    package private(set) var isHeard = false

    package mutating func received(_ reply: Reply) -> Outcome {
        isHeard = true
        guard !steps.isEmpty else { return .refused("an answer that nothing asked for") }
        let step = steps.removeFirst()
        if let reason = take(step, reply) { return .refused(reason) }
        return steps.isEmpty ? .ready : .goOn
    }

    /// - Returns: why the connection is of no use; nil when it is.
    private mutating func take(_ step: Step, _ reply: Reply) -> String? {
        switch (step, reply) {
        case (.auth, .failure(let failure)), (.select, .failure(let failure)):
            return "\(step == .auth ? "AUTH" : "SELECT"): \(failure.text)"
        case (.auth, _), (.select, _): return nil
        case (.version, .text(let text)): return Greeting.fault(ofVersionIn: text)
        case (.client, .text(let text)):
            client = Client(text)
            return nil
        case (.role, .array(let parts)): return takeRole(parts)
        case (.fence, .integer): return nil
        case (.fence, _):
            // Not allowed to: what was in flight and is not found stays unknown.
            isFenced = false
            return nil
        case (.role, .failure(let failure)) where needsReplicas,
            (.wait, .failure(let failure)):
            if case .tryAgain = failure { return failure.text }
            return "REDIS_REPLICAS needs \(step == .wait ? "WAIT" : "ROLE"): \(failure.text)"
        case (.version, .failure(let failure)), (.client, .failure(let failure)),
            (.role, .failure(let failure)):
            // Loading, or no permission; without permission it still can be used.
            if case .tryAgain = failure { return failure.text }
            return Greeting.isFinal(failure.text) ? failure.text : nil
        case (.wait, _): return nil
        case (.version, _), (.client, _), (.role, _): return "an answer that makes no sense"
        }
    }

    /// Servers of another name say, too, which version of Redis they are like.
    private static func fault(ofVersionIn info: [UInt8]) -> String? {
        let name = "redis_version:"
        let line = String(decoding: info, as: UTF8.self).split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix(name) }
        guard let version = line?.dropFirst(name.count),
            let first = version.split(separator: ".").first.flatMap({ Int($0) }),
            first < oldestVersion
        else { return nil }
        return "it is Redis \(version.prefix(20)); \(versionNeeded)"
    }

    /// Whether the server will serve nobody, or not us: it says so once, and closes the connection.
    private static func isFinal(_ text: String) -> Bool {
        ["NOAUTH", "DENIED", "ERR max number of clients"].contains(where: text.hasPrefix)
    }

    private mutating func takeRole(_ parts: [Reply]) -> String? {
        guard let attached = Greeting.replicas(of: parts) else { return "it is a replica" }
        replicas = attached
        return nil
    }

    /// Replicas attached to a master, by its answer to ROLE; nil when it is none.
    package static func replicas(of role: [Reply]) -> Int? {
        guard role.count >= 3, role[0] == .text(Array("master".utf8)),
            case .array(let attached) = role[2]
        else { return nil }
        return attached.count
    }
}

extension Greeting.Client {
    /// Reads `id=5 addr=127.0.0.1:50312 …`; nil when either is missing.
    package init?(_ text: [UInt8]) {
        var id: [UInt8]?
        var address: [UInt8]?
        for word in text.split(separator: 0x20) {
            if word.starts(with: "id=".utf8) { id = Array(word.dropFirst(3)) }
            if word.starts(with: "addr=".utf8) { address = Array(word.dropFirst(5)) }
        }
        guard let id, let address else { return nil }
        self.init(id: id, address: address)
    }
}

extension ReplyFailure {
    /// The server's words.
    package var text: String {
        switch self {
        case .moved(let slot, let address): "MOVED \(slot) \(address)"
        case .ask(let address): "ASK \(address)"
        case .notNext: "the entry's place is taken"
        case .readOnly: "READONLY"
        case .tryAgain(let text), .other(let text): String(decoding: text, as: UTF8.self)
        }
    }
}
