/// What an error of Redis means for the one who gets it.
public enum ReplyFailure: Equatable, Sendable {
    /// Another server has the slot now.
    case moved(slot: Int, NodeAddress)
    /// The slot is moving to another server: send this command there, once.
    case ask(NodeAddress)
    /// There is a later entry already: the stream is not the one it was.
    case notNext
    /// Try again soon: the server is loading, or the cluster elects a master or moves a slot.
    case tryAgain([UInt8])
    /// This server takes no writes: it is a replica now.
    case readOnly
    case other([UInt8])

    public init(_ text: [UInt8]) {
        let words = text.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
        switch words.first {
        case "MOVED" where words.count >= 3:
            guard let slot = Int(words[1]), let address = NodeAddress(redirection: words[2]) else {
                self = .other(text)
                return
            }
            self = .moved(slot: slot, address)
        case "ASK" where words.count >= 3:
            guard let address = NodeAddress(redirection: words[2]) else {
                self = .other(text)
                return
            }
            self = .ask(address)
        case "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY": self = .tryAgain(text)
        case "READONLY": self = .readOnly
        case "ERR" where text.starts(with: "ERR The ID specified in XADD".utf8): self = .notNext
        default: self = .other(text)
        }
    }
}
