internal import Wire
internal import SeriesLog
internal import Redis
internal import Bytes
internal import Detection

/// A device that got samples since the shared list was last told.
struct DeviceTouch: Sendable {
    let key: DeviceKey
    let series: Int32
    var milliseconds: Int
}

/// What all replicas share beside the series: the list of devices and the list of flagged samples.
/// No answer waits until they are written; they are read when somebody asks.
extension LogMachine {
    private static var namesPerCommand: Int { 128 }
    /// No list has so many devices; a rank beyond it makes no sense.
    private static var rankLimit: Int { 1 << 40 }
    /// Side writes that wait for one server. Beyond it new ones are dropped, and counted.
    static var sideWriteLimit: Int { 8192 }

    func hashSlot(_ key: StaticString) -> UInt16 {
        settings.isCluster ? SlotMap.slot(ofKey: key.bytes.span) : 0
    }

    mutating func enlist(_ extra: Extra) {
        switch extra {
        // Questions of the moment, put to one server: they are put anew when they got lost.
        case .map, .role: return
        case .write, .deviceRank, .devicePage, .deviceTotal, .anomalyPage, .prune: break
        }
        guard let shard = shard(of: hashSlot(extra)) else {
            homelessExtras.append(extra)
            return
        }
        shards[shard].extras.append(QueuedExtra(extra: extra))
    }

    private func hashSlot(_ extra: Extra) -> UInt16 {
        switch extra {
        case .write(let hashSlot, _): hashSlot
        case .map, .role: 0
        case .anomalyPage: hashSlot(SeriesKey.anomalies)
        case .deviceRank, .devicePage, .deviceTotal, .prune: hashSlot(SeriesKey.devices)
        }
    }

    mutating func enlistWrite(_ hashSlot: UInt16, _ body: (inout CommandBuffer) -> Void) {
        let waiting = shard(of: hashSlot).map { shards[$0].extras.count } ?? homelessExtras.count
        guard waiting < LogMachine.sideWriteLimit else {
            metrics.add(1, .sideWritesDropped)
            return
        }
        var commands = CommandBuffer()
        body(&commands)
        enlist(.write(hashSlot: hashSlot, command: Array(commands.bytes.readable)))
    }

    // MARK: Devices

    /// Notes that a device got a sample.
    mutating func touch(_ series: Int) {
        let known = Int(states[series].touch)
        if known >= 0 {
            touches[known].milliseconds = unixMilliseconds
            return
        }
        states[series].touch = Int32(touches.count)
        touches.append(
            DeviceTouch(
                key: table.key(of: Int32(series)), series: Int32(series),
                milliseconds: unixMilliseconds))
    }

    /// Tells the shared list which devices got samples since it was last told.
    package mutating func publishDevices() {
        guard !touches.isEmpty else { return }
        var told: [DeviceTouch] = []
        swap(&told, &touches)
        for (index, touch) in told.enumerated() where states[Int(touch.series)].touch == index {
            states[Int(touch.series)].touch = -1
        }
        let hashSlot = hashSlot(SeriesKey.devices)
        for start in stride(from: 0, to: told.count, by: LogMachine.namesPerCommand) {
            let part = told[start..<min(start + LogMachine.namesPerCommand, told.count)]
            enlistWrite(hashSlot) { commands in
                commands.begin(3 + 2 * part.count)
                commands.add("ZADD")
                commands.add(SeriesKey.devices)
                commands.add("GT")
                for touch in part {
                    commands.add(integer: touch.milliseconds)
                    commands.add(touch.key.bytes)
                }
                commands.end()
            }
        }
    }

    /// Drops devices from the list whose time to live is over.
    package mutating func tidyDevices() {
        let bound = unixMilliseconds - Int(settings.timeToLive.milliseconds)
        enlistWrite(hashSlot(SeriesKey.devices)) { commands in
            commands.begin(4)
            commands.add("ZREMRANGEBYSCORE")
            commands.add(SeriesKey.devices)
            commands.add("-inf")
            commands.add(integer: bound)
            commands.end()
        }
    }

    /// Whether there are devices the shared list has not been told of.
    package var hasNews: Bool { !touches.isEmpty }

    /// Reads the fleet and the number of devices again: others write them too.
    package mutating func look() {
        enlist(.deviceTotal(ticket: PendingTable.none))
        if states[Int(fleet)].firstEntry == PendingTable.none {
            refresh(fleet, PendingTable.none)
        }
    }

    /// Asks for a page of the devices with the newest activity, or of those that follow `after`.
    package mutating func listDevices(after: [UInt8]?, limit: Int, ticket: Int32) {
        tickets.addPart(ticket)
        if let after {
            enlist(.deviceRank(ticket: ticket, after: after, limit: limit))
        } else {
            enlist(.devicePage(ticket: ticket, start: 0, limit: limit))
        }
        tickets.addPart(ticket)
        enlist(.deviceTotal(ticket: ticket))
    }

    // MARK: Flagged samples

    /// Puts a flagged sample into the shared list.
    package mutating func publish(_ note: FlaggedNote) {
        enlistWrite(hashSlot(SeriesKey.anomalies)) { commands in
            commands.begin(12)
            commands.add("XADD")
            commands.add(SeriesKey.anomalies)
            commands.add("MAXLEN")
            commands.add("~")
            commands.add(integer: RedisSettings.anomalyLimit)
            commands.add("*")
            commands.add("d")
            commands.add(note.device.span)
            commands.add("a")
            commands.add(note.isAlert ? "1" : "0")
            commands.add("v")
            commands.add(note.text.span)
            commands.end()
        }
    }

    /// Asks for the newest flagged samples.
    package mutating func listFlagged(count: Int, ticket: Int32) {
        tickets.addPart(ticket)
        enlist(.anomalyPage(ticket: ticket, count: count))
    }

    // MARK: Commands

    func write(_ extra: Extra, into commands: inout CommandBuffer) {
        switch extra {
        case .write(_, let command): commands.append(command.span)
        case .deviceRank(_, let after, _):
            commands.begin(3)
            commands.add("ZREVRANK")
            commands.add(SeriesKey.devices)
            commands.add(after.span)
            commands.end()
        case .devicePage(_, let start, let limit):
            commands.begin(4)
            commands.add("ZREVRANGE")
            commands.add(SeriesKey.devices)
            commands.add(integer: start)
            commands.add(integer: start + limit - 1)
            commands.end()
        case .deviceTotal: commands.command("ZCARD", SeriesKey.devices)
        case .map: commands.command("CLUSTER", "SLOTS")
        case .role: commands.command("ROLE")
        case .anomalyPage(_, let count):
            commands.begin(6)
            commands.add("XREVRANGE")
            commands.add(SeriesKey.anomalies)
            commands.add("+")
            commands.add("-")
            commands.add("COUNT")
            commands.add(integer: count)
            commands.end()
        case .prune(let count):
            commands.begin(3)
            commands.add("ZPOPMIN")
            commands.add(SeriesKey.devices)
            commands.add(integer: count)
            commands.end()
        }
    }

    // MARK: Replies

    mutating func received(_ queued: QueuedExtra, by shard: Int, reply: Reply) {
        let extra = queued.extra
        if case .failure(let failure) = reply {
            refused(queued, by: shard, failure: failure)
            return
        }
        switch (extra, reply) {
        case (.write, _): break
        case (.role, .array(let parts)):
            if let replicas = Greeting.replicas(of: parts) {
                shards[shard].replicas = replicas
            } else {
                shards[shard].wantsReconnect = true
            }
        case (.role, _): break
        case (.map, _):
            if let fresh = SlotMap(reply, from: shards[shard].address) { adopt(fresh) }
        case (.deviceRank(let ticket, _, let limit), .integer(let rank))
        where (0..<LogMachine.rankLimit).contains(rank):
            enlist(.devicePage(ticket: ticket, start: rank + 1, limit: limit))
        case (.deviceRank(let ticket, _, _), _): finish(ticket)
        case (.devicePage(let ticket, _, _), .array(let names)): takePage(names, ticket)
        case (.deviceTotal(let ticket), .integer(let total)): takeTotal(total, ticket)
        case (.anomalyPage(let ticket, _), .array(let elements)):
            tickets[ticket].flagged = elements.compactMap(FlaggedNote.init)
            finish(ticket)
        case (.prune, .array(let popped)):
            for index in stride(from: 0, to: popped.count, by: 2) {
                if case .text(let name) = popped[index] { unlink(name) }
            }
        case (.devicePage, _), (.deviceTotal, _), (.anomalyPage, _), (.prune, _):
            shards[shard].wantsReconnect = true
            fail(extra.ticket, .refused)
        }
    }

    private mutating func refused(
        _ queued: QueuedExtra, by shard: Int, failure: ReplyFailure
    ) {
        let extra = queued.extra
        switch failure {
        case .moved(let number, let address):
            wantsMap = true
            map.setOwner(number, address)
            _ = shardIndex(address)
            enlist(extra)
        case .ask(let address) where !queued.needsAsking:
            follow(extra, to: address)
        // A server that was named and names another cannot say where the key is: begin again, but
        // not at once, so that two servers that name each other are not flooded.
        case .tryAgain, .readOnly, .ask:
            shards[shard].notBefore = now + .milliseconds(20)
            if failure == .readOnly { shards[shard].wantsReconnect = true }
            enlist(extra)
        case .notNext, .other:
            if case .other(let text) = failure { refusal = text }
            fail(extra.ticket, .refused)
        }
    }

    /// Sends a command once to the server that its hash slot is moving to.
    private mutating func follow(_ extra: Extra, to address: NodeAddress) {
        let shard = shardIndex(address)
        if case .write = extra, shards[shard].extras.count >= LogMachine.sideWriteLimit {
            metrics.add(1, .sideWritesDropped)
            return
        }
        shards[shard].extras.append(QueuedExtra(extra: extra, needsAsking: true))
    }

    private mutating func takePage(_ names: [Reply], _ ticket: Int32) {
        var page: [[UInt8]] = []
        for case .text(let name) in names
        where !name.isEmpty && name.count <= DeviceKey.byteLimit { page.append(name) }
        tickets[ticket].names = page
        for name in page { refresh(name.span, ticket: ticket) }
        finish(ticket)
    }

    private mutating func takeTotal(_ total: Int, _ ticket: Int32) {
        if ticket != PendingTable.none {
            tickets[ticket].total = total
            finish(ticket)
            return
        }
        deviceCount = total
        if total > settings.deviceLimit {
            enlist(.prune(count: min(total - settings.deviceLimit, 1000)))
        }
    }

    private mutating func unlink(_ name: [UInt8]) {
        let key = SeriesKey.device(name.span)
        enlistWrite(settings.isCluster ? SlotMap.slot(ofKey: key.span) : 0) { commands in
            commands.begin(2)
            commands.add("UNLINK")
            commands.add(key.span)
            commands.end()
        }
    }
}
