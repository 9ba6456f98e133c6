import Bytes

extension ByteBuffer {
    /// What stands in the buffer, as text.
    var text: String {
        let bytes = readable
        return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }
}
