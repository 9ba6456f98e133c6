/// A flagged sample as the shared list keeps it.
package struct FlaggedNote: Equatable, Sendable {
    /// Empty for the fleet alone.
    package let device: [UInt8]
    package let isAlert: Bool
    /// The sample and its verdict as one JSON object.
    package let text: [UInt8]

    /// How many are kept for GET /anomalies.
    package static let limit = 4096

    package init(device: [UInt8], isAlert: Bool, text: [UInt8]) {
        self.device = device
        self.isAlert = isAlert
        self.text = text
    }
}
