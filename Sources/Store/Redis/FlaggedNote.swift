internal import Redis

/// A flagged sample as the shared list keeps it.
package struct FlaggedNote: Equatable, Sendable {
    /// Empty for the fleet alone.
    package let device: [UInt8]
    package let isAlert: Bool
    /// The sample and its verdict as one JSON object.
    package let text: [UInt8]

    package init(device: [UInt8], isAlert: Bool, text: [UInt8]) {
        self.device = device
        self.isAlert = isAlert
        self.text = text
    }
}

extension FlaggedNote {
    /// Reads an element of the shared list; nil when it is none of ours.
    init?(_ element: Reply) {
        guard case .array(let parts) = element, parts.count == 2,
            case .array(let fields) = parts[1], fields.count == 6,
            case .text(let device) = fields[1], case .text(let alert) = fields[3],
            case .text(let text) = fields[5]
        else { return nil }
        self.init(device: device, isAlert: alert == [UInt8(ascii: "1")], text: text)
    }
}
