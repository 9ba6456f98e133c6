/// The hashes of the last requests, first in, first out: a request that is sent again is known.
///
/// The hashes are in a ring in the order of their arrival, and in a hash table with open
/// addressing. Both grow with what they hold: 8 bytes a key in the ring, and 11 to 21 in the table.
package struct KeyMemory {
    /// A table place without a hash. The hash 0 is kept as 1, so it never looks like an empty one.
    private static let empty: UInt64 = 0
    private static let firstPlaces = 16
    /// Keys of a block are 1 << 10, or fewer where that is over a 64th of the limit.
    private static let longestBlockShift = 10

    /// Keys that are remembered at most. With 0 nothing is remembered.
    package let limit: Int
    /// Keys that are remembered now.
    package private(set) var count = 0

    /// Full from the start to its end; when it has `limit` entries, the next one replaces the
    /// oldest.
    private(set) var ring: [UInt64] = []
    /// Index in the ring of the oldest entry; 0 until the ring is full.
    private var oldest = 0
    /// A hash's home is given by the highest bits of its product with a secret: so a table that
    /// grows is read and written from front to back, and nobody can choose requests that crowd in
    /// one place. A power of two in length, at most three quarters full.
    private(set) var places = [UInt64](repeating: empty, count: firstPlaces)
    private var homeShift = UInt64(64 - firstPlaces.trailingZeroBitCount)

    /// Keys that have ever arrived, since the memory was last empty.
    private var arrivals = 0
    private let blockShift: Int
    private let seed: UInt64
    /// For each block of arrivals the time of its first one, as Unix seconds; the next block
    /// replaces the oldest when none of that is remembered any more.
    private var blockTimes: [UInt32] = []

    /// - Parameters:
    ///   - limit: how many keys are remembered.
    ///   - seed: should be unpredictable to clients.
    package init(limit: Int, seed: UInt64) {
        precondition(limit >= 0, "a memory holds no less than nothing")
        self.limit = limit
        self.seed = seed
        let blockLength = max(1, limit / 64)
        blockShift = min(
            KeyMemory.longestBlockShift, Int.bitWidth - 1 - blockLength.leadingZeroBitCount)
    }

    // MARK: Keys

    /// Remembers a hash, and forgets the oldest one when the memory is full.
    /// - Parameter time: Unix seconds. It is kept for a block of keys, not for each.
    /// - Returns: false when the hash is already remembered; then nothing changes.
    package mutating func insert(_ hash: UInt64, time: Int) -> Bool {
        guard limit > 0 else { return true }
        let kept = KeyMemory.kept(hash)
        guard places[place(of: kept)] != kept else { return false }
        if count == limit { forgetOldest() }
        if (count + 1) * 4 > places.count * 3 { growTable() }
        places[place(of: kept)] = kept
        addToRing(kept)
        addTime(time)
        count += 1
        arrivals += 1
        return true
    }

    package func contains(_ hash: UInt64) -> Bool {
        let kept = KeyMemory.kept(hash)
        return places[place(of: kept)] == kept
    }

    /// Forgets everything, and gives the memory back.
    package mutating func removeAll() {
        self = KeyMemory(limit: limit, seed: seed)
    }

    /// About when the oldest remembered hash arrived, in Unix seconds: when the first one of its
    /// block did. nil when nothing is remembered.
    package var oldestTime: Int? {
        count == 0 ? nil : time(ofArrival: arrivals - count)
    }

    /// Shows every remembered hash with its block's time, oldest first.
    package func forEach(_ visit: (_ hash: UInt64, _ time: Int) -> Void) {
        for age in 0..<count {
            var index = oldest + age
            if index >= ring.count { index -= ring.count }
            visit(ring[index], time(ofArrival: arrivals - count + age))
        }
    }

    private static func kept(_ hash: UInt64) -> UInt64 { hash == empty ? 1 : hash }

    private mutating func forgetOldest() {
        removePlace(of: ring[oldest])
        count -= 1
    }

    /// The caller has made room: a full ring's oldest entry is forgotten already.
    private mutating func addToRing(_ hash: UInt64) {
        guard ring.count == limit else {
            // Exactly so much, because an array that grows by itself may take more than the limit.
            if ring.count == ring.capacity {
                ring.reserveCapacity(min(limit, max(KeyMemory.firstPlaces, 2 * ring.count)))
            }
            ring.append(hash)
            return
        }
        ring[oldest] = hash
        oldest = oldest + 1 == limit ? 0 : oldest + 1
    }

    // MARK: Times

    /// Blocks that `limit` keys may touch: one more than they fill.
    private var blockLimit: Int { (limit + (1 << blockShift) - 1) >> blockShift + 1 }

    private func time(ofArrival number: Int) -> Int {
        Int(blockTimes[(number >> blockShift) % blockLimit])
    }

    /// Notes the time where the next arrival begins a block.
    private mutating func addTime(_ time: Int) {
        guard arrivals & (1 << blockShift - 1) == 0 else { return }
        let index = (arrivals >> blockShift) % blockLimit
        if index == blockTimes.count { blockTimes.append(0) }
        blockTimes[index] = UInt32(clamping: time)
    }

    // MARK: Table

    private func home(_ hash: UInt64) -> Int {
        let product = (hash ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: (product.high ^ product.low) >> homeShift)
    }

    /// The place that holds the hash, or the empty one where the search for it ends.
    private func place(of hash: UInt64) -> Int {
        let mask = places.count - 1
        var place = home(hash)
        while places[place] != hash, places[place] != KeyMemory.empty {
            place = (place + 1) & mask
        }
        return place
    }

    /// Empties the place of a hash and closes the gap, so that no search ends too early.
    private mutating func removePlace(of hash: UInt64) {
        let mask = places.count - 1
        var gap = place(of: hash)
        var place = gap
        while true {
            place = (place + 1) & mask
            let candidate = places[place]
            guard candidate != KeyMemory.empty else { break }
            // It may move into the gap unless its home lies cyclically in (gap, place].
            if (place - home(candidate)) & mask >= (place - gap) & mask {
                places[gap] = candidate
                gap = place
            }
        }
        places[gap] = KeyMemory.empty
    }

    private mutating func growTable() {
        let old = places
        places = Array(repeating: KeyMemory.empty, count: old.count * 2)
        homeShift -= 1
        for hash in old where hash != KeyMemory.empty { places[place(of: hash)] = hash }
    }
}
