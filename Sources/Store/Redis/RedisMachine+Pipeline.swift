internal import Bytes
package import Redis
internal import SeriesLog
internal import Wire
internal import Telemetry

/// Pipelines: what is sent to a server, and what comes back.
extension RedisMachine {
    /// Whether something has gathered that can be sent now.
    package var canFly: Bool {
        mutating get {
            for kept in logs where kept.log.isAwaited && !kept.log.isUnderWay {
                guard let shard = shard(of: kept) else { continue }
                if shards[shard.index].isReady, !shards[shard.index].isUnderWay { return true }
            }
            return shards.indices.contains { index in
                shards[index].isReady && !shards[index].isUnderWay && shards[index].hasExtras
            }
        }
    }

    /// Whether a pipeline has been under way for too long.
    package func isStalled(_ id: ShardID) -> Bool {
        shards[id.index].isUnderWay
            && shards[id.index].pipeline.heardAt + settings.timeout <= now
    }

    /// The server takes what is sent, or sends something itself.
    package mutating func heard(from id: ShardID) { shards[id.index].pipeline.heardAt = now }

    /// Writes the next pipeline of a server, if there is one to be sent now.
    /// - Returns: whether there is.
    package mutating func fly(_ id: ShardID, into commands: inout CommandBuffer) -> Bool {
        guard shards[id.index].isReady, !shards[id.index].isUnderWay,
            shards[id.index].notBefore <= now
        else { return false }
        var pipeline = Pipeline()
        swap(&pipeline, &shards[id.index].pipeline)
        var samples = 0
        var appends = false
        let wish = shards[id.index].replicas.wish(now)
        let replicas = wish.replicas
        for kept in logs where shard(of: kept) == id && kept.log.hasWork {
            if kept.shard != id { arrive(kept, at: id) }
            if kept.isFenced != kept.isFenced(at: id) { kept.tellFence(at: id) }
            kept.log.mayTrim = mayTrim(kept, at: id)
            let waiting = kept.log.waitingItems
            guard kept.log.board(&tickets) else { continue }
            send(kept, &pipeline, into: &commands)
            if kept.log.commands.contains(.append) {
                kept.loose.removeAll()
                appends = true
                samples += waiting
            } else if kept.log.isUncertain, replicas > 0 {
                // An entry that is found has not been confirmed: its own WAIT got lost.
                appends = true
                sendMark(kept, &pipeline, into: &commands)
            }
        }
        if sendExtras(id, &pipeline, into: &commands) { appends = true }
        let most = max(1, Int(settings.timeout.milliseconds) / 2)
        if appends, replicas > 0 { sendWait(wish, milliseconds: most, &pipeline, into: &commands) }
        if shards[id.index].replicas.probeDue <= now,
            let first = logs.first(where: { shard(of: $0) == id }),
            let probe = shards[id.index].replicas.probe(now)
        {
            if !appends { sendMark(first, &pipeline, into: &commands) }
            sendWait(
                probe, milliseconds: min(most, RedisMachine.probeWait), &pipeline, into: &commands)
        }
        pipeline.sentAt = now
        pipeline.heardAt = now
        let isUnderWay = pipeline.isUnderWay
        swap(&pipeline, &shards[id.index].pipeline)
        if isUnderWay { metrics.recordPipeline(samples: samples) }
        return isUnderWay
    }

    /// The log is on another server than before. Entries that were folded may be missing there,
    /// and what was watched on the connection before is not watched on this one.
    private mutating func arrive(_ kept: KeptLog, at id: ShardID) {
        if kept.shard != nil {
            _ = kept.log.cut()
            kept.tellFence(at: id)
        }
        kept.shard = id
    }

    /// A connection watches the keys of one log at a time: UNWATCH and EXEC forget them all.
    private func mayTrim(_ kept: KeptLog, at id: ShardID) -> Bool {
        !logs.contains { $0.id != kept.id && $0.shard == id && $0.log.isTrimming }
    }

    /// How long a probe waits, in milliseconds: what else is sent waits as long.
    private static var probeWait: Int { 50 }

    private func sendWait(
        _ wish: ReplicaWatch.Wish, milliseconds: Int, _ pipeline: inout Pipeline,
        into commands: inout CommandBuffer
    ) {
        commands.begin(3)
        commands.add("WAIT")
        commands.add(integer: wish.replicas)
        commands.add(integer: milliseconds)
        commands.end()
        pipeline.purposes.append(.wait(wish))
    }

    private func sendMark(
        _ kept: KeptLog, _ pipeline: inout Pipeline, into commands: inout CommandBuffer
    ) {
        let keys = kept.keys
        commands.begin(3)
        commands.add("SET")
        commands.add(keys.mark.span)
        commands.add(integer: Int(truncatingIfNeeded: writer))
        commands.end()
        pipeline.purposes.append(.mark)
    }

    private mutating func send(
        _ kept: KeptLog, _ pipeline: inout Pipeline, into commands: inout CommandBuffer
    ) {
        kept.flight &+= 1
        let count = kept.log.commands.count
        kept.replies = Array(repeating: nil, count: count)
        kept.missing = count
        kept.hasDetour = false
        pipeline.passengers.append(Pipeline.Passenger(log: kept.id, flight: kept.flight))
        for index in 0..<count {
            write(kept.log.commands[index], of: kept, into: &commands) { part in
                switch part {
                case .ignored: pipeline.purposes.append(.ignored)
                case .checked:
                    pipeline.purposes.append(
                        .part(kept.id, flight: kept.flight, command: index))
                }
            }
            pipeline.purposes.append(.log(kept.id, flight: kept.flight, command: index))
        }
    }

    /// - Returns: whether an entry is among what is sent.
    private mutating func sendExtras(
        _ id: ShardID, _ pipeline: inout Pipeline, into commands: inout CommandBuffer
    ) -> Bool {
        guard shards[id.index].hasExtras else { return false }
        var appends = false
        let count = min(RedisSettings.pipelineExtraLimit, shards[id.index].extras.count)
        let taken = Array(shards[id.index].extras.prefix(count))
        shards[id.index].extras.removeFirst(count)
        for queued in taken {
            if case .detour(let log, let flight, let command) = queued.extra {
                // The flight may have been given up since.
                guard logs[log.index].flight == flight else { continue }
                if isAppend(log, flight: flight, command: command) { appends = true }
                let passenger = Pipeline.Passenger(log: log, flight: flight)
                if !pipeline.passengers.contains(passenger) {
                    pipeline.passengers.append(passenger)
                }
            }
            if queued.needsAsking {
                commands.command("ASKING")
                pipeline.purposes.append(.ignored)
            }
            write(queued.extra, into: &commands)
            pipeline.purposes.append(.extra(queued))
        }
        return appends
    }

    // MARK: Replies

    /// Whether the next reply of the server is the ID of an appended entry. Then `received` takes
    /// it already parsed.
    package func expectsEntryID(_ id: ShardID) -> Bool {
        let cursor = shards[id.index].pipeline.cursor
        guard cursor < shards[id.index].pipeline.purposes.count else { return false }
        switch shards[id.index].pipeline.purposes[cursor] {
        case .log(let log, let flight, let command):
            return isAppend(log, flight: flight, command: command)
        case .extra(let queued):
            guard case .detour(let log, let flight, let command) = queued.extra
            else { return false }
            return isAppend(log, flight: flight, command: command)
        case .part, .ignored, .mark, .wait: return false
        }
    }

    private func isAppend(_ log: LogID, flight: UInt32, command: Int) -> Bool {
        let kept = logs[log.index]
        return kept.flight == flight && kept.log.commands[command] == .append
    }

    /// The reply to an append, parsed.
    package mutating func received(_ shard: ShardID, id: EntryID) {
        let reply = LogReply.appended(LogPosition(birth: id.birth, number: id.number))
        metrics.add(1, .commandsOK)
        switch nextPurpose(shard) {
        case .log(let log, let flight, let command):
            take(reply, log, flight: flight, command: command)
        case .extra(let queued):
            if case .detour(let log, let flight, let command) = queued.extra {
                take(reply, log, flight: flight, command: command)
            }
        case .part, .ignored, .mark, .wait, nil: break
        }
        finishIfComplete(shard)
    }

    /// The next reply of a server.
    package mutating func received(_ shard: ShardID, _ reply: Reply) {
        guard let purpose = nextPurpose(shard) else { return }
        guard case .failure(let failure) = reply else {
            return take(reply, for: purpose, from: shard)
        }
        take(.failure(plain(failure, from: shard)), for: purpose, from: shard)
    }

    private mutating func take(
        _ reply: Reply, for purpose: Pipeline.Purpose, from shard: ShardID
    ) {
        count(reply)
        switch purpose {
        case .log(let log, let flight, let command):
            received(reply, from: shard, log, flight: flight, command: command)
        case .part(let log, let flight, let command):
            if case .failure = reply {
                received(reply, from: shard, log, flight: flight, command: command)
            }
        case .extra(let queued): received(queued, by: shard, reply: reply)
        case .mark: if case .failure = reply { missReplicas(shard) }
        case .wait(let wish): takeWait(reply, of: wish, by: shard)
        case .ignored: break
        }
        finishIfComplete(shard)
    }

    /// A node of a cluster may leave out the host that it sends elsewhere: it is its own then.
    /// Where STORE names one server, such a node refuses: nobody follows its redirections.
    private func plain(_ failure: ReplyFailure, from id: ShardID) -> ReplyFailure {
        let address = shards[id.index].address
        switch failure {
        case .moved(let slot, let other) where settings.isCluster:
            return .moved(slot: slot, other.known(from: address))
        case .ask(let other) where settings.isCluster: return .ask(other.known(from: address))
        case _ where settings.isCluster: return failure
        case .tryAgain(let text) where !text.starts(with: "CLUSTERDOWN".utf8): return failure
        case .moved, .ask, .tryAgain:
            return .other(
                Array("it is a node of a cluster; STORE=redis-cluster://… is for that".utf8))
        case .notNext, .readOnly, .other: return failure
        }
    }

    private mutating func nextPurpose(_ id: ShardID) -> Pipeline.Purpose? {
        let cursor = shards[id.index].pipeline.cursor
        guard cursor < shards[id.index].pipeline.purposes.count else {
            // A reply that nothing asked for: the connection is out of step.
            shards[id.index].wantsReconnect = true
            return nil
        }
        shards[id.index].pipeline.cursor = cursor + 1
        return shards[id.index].pipeline.purposes[cursor]
    }

    private func count(_ reply: Reply) {
        guard case .failure(let failure) = reply else {
            metrics.add(1, .commandsOK)
            return
        }
        switch failure {
        case .moved, .ask: metrics.add(1, .commandsRedirected)
        case .notNext, .tryAgain, .readOnly, .other: metrics.add(1, .commandsFailed)
        }
    }

    private mutating func takeWait(
        _ reply: Reply, of wish: ReplicaWatch.Wish, by id: ShardID
    ) {
        var confirmed = 0
        if case .integer(let count) = reply { confirmed = count }
        if case .failure(.other(let text)) = reply { refusal = text }
        let before = shards[id.index].replicas.confirmed
        let isEnough = shards[id.index].replicas.received(confirmed, of: wish, now: now)
        if shards[id.index].replicas.confirmed != before { hasReplicaNews = true }
        if isEnough { return remember(id) }
        // A replica may have gone for good; then it is not waited for any more.
        shards[id.index].extras.append(QueuedExtra(extra: .role))
        if !wish.isProbe { missReplicas(id) }
    }

    /// Notes for all processes that as many replicas as are wanted have been there.
    mutating func remember(_ id: ShardID) {
        guard settings.strictness == .auto, settings.replicas > 0,
            shards[id.index].replicas.hasSeenAll
        else { return }
        let wanted = settings.replicas
        for kept in logs where shard(of: kept) == id && kept.rememberedReplicas < wanted {
            kept.rememberedReplicas = wanted
            let key = kept.keys.replicas
            enlistWrite(kept.keys.hashSlot) { commands in
                commands.begin(3)
                commands.add("SET")
                commands.add(key.span)
                commands.add(integer: wanted)
                commands.end()
            }
        }
    }

    /// Another process may have noted it.
    mutating func takeSeen(_ reply: Reply, by id: ShardID) {
        guard case .text(let text) = reply, let count = Int(String(decoding: text, as: UTF8.self)),
            count >= settings.replicas
        else { return }
        shards[id.index].replicas.noteRemembered()
        hasReplicaNews = true
    }

    /// Asks how many replicas have been seen where the logs are.
    mutating func askForReplicasSeen() {
        guard settings.strictness == .auto, settings.replicas > 0 else { return }
        for kept in logs {
            guard let shard = shard(of: kept), shards[shard.index].isReady,
                !shards[shard.index].replicas.hasSeenAll
            else { continue }
            shards[shard.index].extras.append(QueuedExtra(extra: .replicasSeen(kept.id)))
        }
    }

    private func missReplicas(_ id: ShardID) {
        for passenger in shards[id.index].pipeline.passengers {
            let kept = logs[passenger.log.index]
            if kept.flight == passenger.flight { kept.log.missesReplicas() }
        }
    }

    /// A reply to a log's command.
    private mutating func received(
        _ reply: Reply, from shard: ShardID, _ log: LogID, flight: UInt32, command: Int
    ) {
        let kept = logs[log.index]
        guard kept.flight == flight else { return }
        let asked = kept.log.commands[command]
        guard case .failure(let failure) = reply else {
            guard let read = read(reply, to: asked) else {
                shards[shard.index].wantsReconnect = true
                take(.refused, log, flight: flight, command: command)
                return
            }
            take(read, log, flight: flight, command: command)
            return
        }
        switch failure {
        case .ask(let address) where asked.isSingle:
            let other = shardID(of: address)
            kept.hasDetour = true
            shards[other.index].extras.append(
                QueuedExtra(
                    extra: .detour(log, flight: flight, command: command), needsAsking: true))
        case .ask, .tryAgain:
            shards[shard.index].notBefore = now + .milliseconds(20)
            wantsMap = settings.isCluster
            take(.elsewhere, log, flight: flight, command: command)
        case .moved(let slot, let address):
            wantsMap = true
            map.setOwner(slot, address)
            _ = shardID(of: address)
            take(.elsewhere, log, flight: flight, command: command)
        case .readOnly:
            shards[shard.index].wantsReconnect = true
            take(.elsewhere, log, flight: flight, command: command)
        case .notNext: take(.nothing, log, flight: flight, command: command)
        case .other(let text):
            // A transaction that was not executed says why with the command it refused.
            guard asked != .trim else {
                return take(.nothing, log, flight: flight, command: command)
            }
            refusal = text
            take(.refused, log, flight: flight, command: command)
        }
    }

    /// The reply to a command that went to another server than the log's own.
    mutating func receivedDetour(
        _ reply: Reply, from shard: ShardID, _ log: LogID, flight: UInt32, command: Int
    ) {
        let kept = logs[log.index]
        guard kept.flight == flight else { return }
        if case .failure = reply {
            // That server sends it elsewhere again, or cannot say: begin again, but not at once.
            shards[shard.index].notBefore = now + .milliseconds(20)
            take(.elsewhere, log, flight: flight, command: command)
        } else {
            take(
                read(reply, to: kept.log.commands[command]) ?? .refused, log, flight: flight,
                command: command)
        }
    }

    private mutating func take(
        _ reply: LogReply, _ log: LogID, flight: UInt32, command: Int
    ) {
        let kept = logs[log.index]
        guard kept.flight == flight, kept.replies[command] == nil else { return }
        kept.replies[command] = reply
        kept.missing -= 1
    }

    // MARK: Landing

    private mutating func finishIfComplete(_ id: ShardID) {
        guard shards[id.index].isUnderWay, shards[id.index].pipeline.isComplete else { return }
        metrics.durations.record(now - shards[id.index].pipeline.sentAt)
        let passengers = shards[id.index].pipeline.passengers
        shards[id.index].pipeline.removeAll()
        for passenger in passengers {
            let kept = logs[passenger.log.index]
            if kept.flight == passenger.flight { landIfComplete(kept) }
        }
    }

    private mutating func landIfComplete(_ kept: KeptLog) {
        guard kept.log.isUnderWay, kept.missing == 0, kept.replies.count > 0 else { return }
        // A part of it on another server may not be over, or not be confirmed.
        let passenger = Pipeline.Passenger(log: kept.id, flight: kept.flight)
        if shards.contains(where: { $0.pipeline.passengers.contains(passenger) }) { return }
        let replies = kept.replies
        kept.replies.removeAll(keepingCapacity: true)
        for reply in replies {
            _ = kept.log.received(reply ?? .refused, isDetour: kept.hasDetour)
        }
        kept.log.landed(&tickets)
        if kept.log.isMissing { askForAgreement() }
        noteBirth(of: kept)
    }

    /// A log that is another one than before was made by somebody who may have found nothing of
    /// what all agree on.
    private mutating func noteBirth(of kept: KeptLog) {
        let birth = kept.log.position.birth
        guard birth > 0, birth != kept.birth else { return }
        if kept.birth > 0 {
            askForAgreement()
            logsCut += 1
            complaints.append(
                "the log in Redis was gone, or is another one: all its series begin anew")
        }
        kept.birth = birth
        lastBirth = max(lastBirth, birth)
    }

    /// When a new log is born: microseconds, of which the last three digits are this process' own,
    /// so that two logs of one name, one of them flushed, are never taken for each other.
    mutating func nextBirth() -> UInt64 {
        let birth = UInt64(max(1, unixMilliseconds)) * 1000 + writer % 1000
        lastBirth = max(birth, lastBirth + 1000)
        return lastBirth
    }
}

extension LogCommand {
    /// Whether it is one command of Redis, for one key.
    var isSingle: Bool {
        switch self {
        case .watch, .trim: false
        default: true
        }
    }
}
