/// Connections that are free, in the order in which they became so: every one gets its turn, as
/// every user of a service does.
struct FreeList {
    private var numbers: [Int]
    private var first = 0
    private(set) var count = 0

    init(capacity: Int) {
        precondition(capacity > 0, "a list of nothing")
        numbers = Array(repeating: 0, count: capacity)
    }

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    mutating func append(_ number: Int) {
        precondition(count < numbers.count, "a connection is listed once")
        var last = first + count
        if last >= numbers.count { last -= numbers.count }
        numbers[last] = number
        count += 1
    }

    @inline(__always)
    mutating func removeFirst() -> Int? {
        guard count > 0 else { return nil }
        let number = numbers[first]
        first = first + 1 == numbers.count ? 0 : first + 1
        count -= 1
        return number
    }
}
