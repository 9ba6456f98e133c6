/// Placeholder until the real one is merged.
package struct KeyMemory: ~Copyable {
    private let limit: Int
    private var known: Set<UInt64> = []
    private var order: [(UInt64, Int)] = []
    package init(limit: Int) { self.limit = limit }
    package var count: Int { order.count }
    package mutating func insert(_ hash: UInt64, time: Int) -> Bool {
        guard limit > 0 else { return true }
        guard known.insert(hash).inserted else { return false }
        order.append((hash, time))
        if order.count > limit { known.remove(order.removeFirst().0) }
        return true
    }
    package mutating func removeAll() { known = []; order = [] }
    package var oldestTime: Int? { order.first?.1 }
}
