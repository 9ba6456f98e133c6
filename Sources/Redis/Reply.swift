/// A reply of Redis, as far as it is needed here.
public enum Reply: Equatable, Sendable {
    case null
    case integer(Int)
    case text([UInt8])
    case array([Reply])
    case failure(ReplyFailure)

    public static func error(_ text: [UInt8]) -> Reply { .failure(ReplyFailure(text)) }
}
