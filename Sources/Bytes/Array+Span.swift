extension Array where Element == UInt8 {
    /// A copy of the bytes.
    public init(_ bytes: Span<UInt8>) {
        self = bytes.indices.map { bytes[$0] }
    }
}
