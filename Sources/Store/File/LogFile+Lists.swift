internal import SeriesLog
internal import Wire

/// What the file has beside the log: incidents, and the list of devices.
extension LogFile {
    /// Names of devices in one reply to a list, of which the newest are in memory.
    private static let listedNames = 4_096
    private static let incidentsUntilDelete = 1_000

    // MARK: Incidents

    func keep(_ incidents: [Incident], in tables: FileTables) throws(FileFault) {
        guard let last = incidents.last else { return }
        for incident in incidents {
            tables.keepIncident.bind(1, Array(incident.id.text.utf8))
            tables.keepIncident.bind(2, incident.arrival)
            try tables.keepIncident.run(with: incident.bytes)
        }
        incidentsSinceDelete += incidents.count
        guard incidentsSinceDelete >= LogFile.incidentsUntilDelete else { return }
        incidentsSinceDelete = 0
        tables.dropIncidents.bind(1, last.arrival - IncidentBook.keptFor)
        tables.dropIncidents.bind(2, IncidentBook.limit)
        try tables.dropIncidents.run()
    }

    func incidents(in tables: FileTables) throws(FileFault) -> [[UInt8]] {
        var found: [[UInt8]] = []
        while try tables.readIncidents.next() {
            if let bytes = checked(tables.readIncidents, 0) { found.append(bytes) }
        }
        return found
    }

    // MARK: Devices

    func names(
        _ place: NamesPlace, in tables: FileTables
    ) throws(FileFault) -> NamesPage {
        let row: NamesPlace.Row
        switch place {
        case .from(let activity): row = NamesPlace.Row(activity: activity, series: .max)
        case .behind(let last): row = last
        case .after(let name):
            tables.findName.bind(1, name)
            defer { tables.findName.reset() }
            guard try tables.findName.next(), tables.findName.integer(1) > 0
            else { return NamesPage() }
            row = NamesPlace.Row(
                activity: tables.findName.integer(1), series: tables.findName.integer(0))
        }
        tables.listNames.bind(1, row.activity)
        tables.listNames.bind(2, row.series)
        tables.listNames.bind(3, LogFile.listedNames)
        var page = NamesPage(names: [])
        while try tables.listNames.next() {
            page.names?.append(tables.listNames.bytes(1))
            page.next = NamesPlace.Row(
                activity: tables.listNames.integer(2), series: tables.listNames.integer(0))
        }
        if page.names?.count != LogFile.listedNames { page.next = nil }
        return page
    }
}
