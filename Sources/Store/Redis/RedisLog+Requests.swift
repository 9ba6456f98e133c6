package import Bytes
package import Detection
package import SeriesLog
package import Wire

/// What the keeper asks for, which the machine decides.
extension RedisLog {
    package var tickets: TicketTable {
        _read { yield machine.tickets }
        _modify { yield &machine.tickets }
    }
    package var unixMilliseconds: Int { machine.unixMilliseconds }
    package var timeout: TimeSpan { settings.timeout }
    package var isStarting: Bool {
        mutating get { machine.isStarting }
    }
    package var isFull: Bool { machine.isFull }
    package var canFly: Bool {
        mutating get { machine.canFly }
    }
    package var failure: StoreFailure? {
        mutating get { machine.failure }
    }
    package var deviceCount: Int {
        mutating get { machine.deviceCount }
    }

    package mutating func obstacle(to samples: Int) -> StoreFailure? {
        if let failure = machine.obstacle { return failure }
        guard machine.hasRoom(for: samples) else {
            metrics.add(1, .queueFull)
            return .queueFull
        }
        return nil
    }

    package mutating func newDevices(of batch: borrowing SampleBatch) -> [Int] {
        machine.newDevices(of: batch)
    }
    package mutating func append(
        piece: Int, of batch: borrowing SampleBatch, _ ticket: TicketNumber
    ) {
        machine.append(piece: piece, of: batch, ticket)
    }
    package var isBehind: Bool {
        mutating get { machine.isBehind }
    }
    package var gatheredSamples: Int {
        mutating get { machine.gatheredSamples }
    }
    package mutating func ask(about device: [UInt8]?) -> TicketNumber {
        machine.ask(about: device)
    }
    package mutating func askForDevices(after: [UInt8]?, limit: Int) -> TicketNumber {
        machine.askForDevices(after: after, limit: limit)
    }
    package mutating func askForFlagged(count: Int) -> TicketNumber {
        machine.askForFlagged(count: count)
    }
    package mutating func askForSeries(_ query: SeriesQuery) -> TicketNumber {
        machine.askForSeries(query)
    }
    package mutating func takeListing(_ ticket: TicketNumber) -> Listing {
        machine.takeListing(ticket)
    }
    package mutating func takeIncidentEvents() -> [IncidentEvent] {
        machine.takeIncidentEvents()
    }
    package mutating func followIncidents() { machine.followIncidents() }
    package mutating func takeIncidents() -> [Incident] { machine.takeIncidents() }
    package mutating func keep(_ incidents: [Incident]) {
        for incident in incidents { machine.publish(incident) }
    }
    package func lastActivity(of device: [UInt8]) -> Int? { machine.lastActivity(of: device) }
    package mutating func glanceAtFleet() -> SeriesSummary { machine.glanceAtFleet() }
    package mutating func tellMetrics() { machine.tellMetrics() }

    package mutating func stored(_ batch: borrowing SampleBatch, flagged: [FlaggedNote]) {
        for note in flagged { machine.publish(note) }
        if mirrors { mirror.add(batch, metrics) }
    }
}
