internal import Bytes
internal import Detection

/// Devices in the order of their last activity.
extension TurnLog {
    /// The devices with the newest activity, or those that follow `name`; nil when there is no
    /// such device.
    package func devices(after name: [UInt8]?, limit: Int) -> [[UInt8]]? {
        var place = listing
        if let name {
            guard let last = listing(at: name) else { return nil }
            place = next(last)
        }
        var names: [[UInt8]] = []
        while names.count < limit, !place.isOver {
            names.append(device(at: place))
            place = next(place)
        }
        return names
    }

    /// A device in the order of a listing: the one that was active last comes first.
    package struct ListingPlace: Sendable {
        fileprivate let id: SeriesID
        /// Its last sample's arrival, in Unix milliseconds.
        package let activity: Int
        /// There are no more.
        package var isOver: Bool { id.isNone }
    }

    /// Where a listing begins.
    package var listing: ListingPlace { firstListed(from: table.newest) }

    /// The device itself; nil when it is not listed.
    package func listing(at name: [UInt8]) -> ListingPlace? {
        guard let found = table.find(name.span, hash: hash(name.span)), isListed(found)
        else { return nil }
        return firstListed(from: found)
    }

    /// The first device whose last sample came then, in Unix milliseconds, or earlier.
    package func listing(notAfter activity: Int) -> ListingPlace {
        // By the table's clock, which is never behind an arrival.
        var id = table.newest(notAfter: Instant(nanoseconds: Int64(activity + 1) * 1_000_000))
        if id.isNone { id = table.oldest }
        // Many that came in the same millisecond, or that were read from the store in one.
        while !id.isNone, table[id].lastArrival <= activity { id = table.newer(than: id) }
        var place = firstListed(from: id.isNone ? table.newest : id)
        while !place.isOver, place.activity > activity { place = next(place) }
        return place
    }

    /// The device that follows; not for a place that is over.
    package func next(_ place: ListingPlace) -> ListingPlace {
        firstListed(from: table.older(than: place.id))
    }

    /// Its name; not for a place that is over.
    package func device(at place: ListingPlace) -> [UInt8] { Array(table.key(of: place.id).bytes) }

    private func firstListed(from first: SeriesID) -> ListingPlace {
        var id = first
        while !id.isNone, !isListed(id) { id = table.older(than: id) }
        return ListingPlace(id: id, activity: id.isNone ? 0 : table[id].lastArrival)
    }

    /// Whether the series has samples, the last of them within the time to live.
    func isListed(_ id: SeriesID) -> Bool {
        !table[id].isEmpty
            && max(clock, unixMilliseconds) - table[id].lastArrival <= settings.timeToLive
    }

    /// When the device's last sample came, by the log's clock, in Unix milliseconds; nil when it
    /// has no series. Of one that was unloaded no more is known than that it was not later.
    package func lastActivity(of device: [UInt8]) -> Int? {
        guard let id = table.find(device.span, hash: hash(device.span)), !table[id].isEmpty
        else { return unloaded.latestActivity }
        return table[id].lastArrival
    }
}
