import Detection
import Numerics

@testable import SeriesLog

extension TurnLog {
    /// The next flight reads the log, as a question would have it.
    mutating func readSoon() { wantsRead = true }
}

/// A log of one replica with its connection to the store: what a driver does, in single steps.
final class SimulatedLog {
    let index: Int
    var log: TurnLog
    var isConnected = false
    /// The server at the other end is no more, which this end has not noticed.
    var isDead = false
    var commands: [ModelCommand] = []
    /// In which order the server comes to execute them.
    var order: [Int] = []
    var executed = 0
    var replies: [(reply: LogReply, isDetour: Bool)?] = []
    var detours: Set<Int> = []
    var elsewhere: Set<Int> = []
    var delivered = 0
    var session = ModelSession()
    /// The connection before may have left commands behind that are executed later.
    var mustFence = false
    var staleBlocks: LogReply?

    init(_ settings: LogSettings, index: Int) {
        self.index = index
        log = TurnLog(settings)
    }

    var isUnderWay: Bool { delivered < commands.count }

    func forgetFlight() {
        commands = []
        order = []
        executed = 0
        replies = []
        detours = []
        elsewhere = []
        delivered = 0
    }

    /// Takes the commands of a flight that was made.
    func send() {
        forgetFlight()
        for command in log.commands { commands.append(resolve(command)) }
        order = Array(commands.indices)
        replies = Array(repeating: nil, count: commands.count)
    }

    private func resolve(_ command: LogCommand) -> ModelCommand {
        switch command {
        case .create: return .create
        case .read(let number, let isExcluded, let limit):
            return .read(
                from: LogPosition(birth: log.position.birth, number: number),
                isExcluded: isExcluded, limit: limit)
        case .lookAt(let number):
            return .lookAt(LogPosition(birth: log.position.birth, number: number))
        case .first: return .first
        case .checkpoint(let id): return .checkpoint(name(id))
        case .fleetCheckpoint: return .fleetCheckpoint
        case .keys: return .keys
        case .names(let cursor): return .names(cursor: cursor)
        case .append: return .append(birth: log.position.birth, bytes: log.turnBytes)
        case .watch: return .watch
        case .trim:
            let group = log.trimGroup ?? TrimGroup()
            return .trim(
                birth: log.position.birth, group, names: group.lists.map { name($0.series) })
        }
    }

    func name(_ id: SeriesID) -> [UInt8] { Array(log.name(of: id).bytes) }

    /// The number of the next reply that has come.
    var deliverable: Bool { delivered < commands.count && replies[delivered] != nil }
}

/// What a connection that was cut has left on its way to the server.
struct Zombie {
    let log: Int
    var commands: [ModelCommand]
    var session: ModelSession
    /// The replica's log that sent it.
    let sender: ObjectIdentifier
}

/// One process: its tickets, its logs, its clock.
final class SimulatedReplica {
    var tickets = TicketTable()
    var logs: [SimulatedLog] = []
    let skew: Int
    var frozenUntil = 0
    /// What waits, by the tickets' indices.
    var attempts: [Int32: Attempt] = [:]
    var questions: [Int32: AskedQuestion] = [:]

    init(skew: Int) { self.skew = skew }
}

/// A request of a client, which is sent again with the same key until it is answered.
struct ClientRequest {
    let number: Int
    let key: UInt64?
    /// Of which device each sample is; nil for the fleet alone.
    let devices: [[UInt8]?]
    /// Samples that are not of the fleet.
    let deviceOnly: Set<Int>
    var attemptsLeft: Int
}

struct Attempt {
    let number: Int
    let request: ClientRequest
}

struct AskedQuestion {
    let log: Int
    let device: [UInt8]?
    /// What the series was like when it was asked: its last entry, and whether it was there.
    let lastEntry: UInt64
    let isLive: Bool
    let epoch: Int
    /// Its samples are wanted, to be folded again.
    let isOfHistory: Bool
}
