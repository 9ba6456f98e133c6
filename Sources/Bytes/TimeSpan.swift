/// A length of time, in nanoseconds.
public struct TimeSpan: Comparable, Sendable {
    public let nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public static func microseconds(_ count: Int) -> TimeSpan {
        TimeSpan(nanoseconds: Int64(count) * 1_000)
    }
    public static func milliseconds(_ count: Int) -> TimeSpan {
        TimeSpan(nanoseconds: Int64(count) * 1_000_000)
    }
    public static func seconds(_ count: Int) -> TimeSpan {
        TimeSpan(nanoseconds: Int64(count) * 1_000_000_000)
    }
    public static func seconds(_ count: Double) -> TimeSpan {
        TimeSpan(nanoseconds: Int64(count * 1e9))
    }

    @inlinable public static func - (left: TimeSpan, right: TimeSpan) -> TimeSpan {
        TimeSpan(nanoseconds: left.nanoseconds &- right.nanoseconds)
    }

    @inlinable public static func + (left: TimeSpan, right: TimeSpan) -> TimeSpan {
        TimeSpan(nanoseconds: left.nanoseconds &+ right.nanoseconds)
    }

    @inlinable public static func * (span: TimeSpan, factor: Int) -> TimeSpan {
        TimeSpan(nanoseconds: span.nanoseconds &* Int64(factor))
    }

    public var seconds: Double { Double(nanoseconds) / 1e9 }
    public var milliseconds: Double { Double(nanoseconds) / 1e6 }

    @inlinable public static func < (left: TimeSpan, right: TimeSpan) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
