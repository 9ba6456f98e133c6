package import Bytes

/// Makes `Idempotency-Key` headers: a server that has stored a request knows it by its key when it
/// comes again, and does not store it twice.
///
/// A key is the run's 64 random bits in hexadecimal and a number that is unique in the run, such as
/// `9f86d081884c7d65-17`: 1 to 128 visible ASCII characters, no other run has the same.
package struct IdempotencyKeys: Sendable {
    /// The header up to the number: the same for all requests of a run.
    private let start: [UInt8]

    /// - Parameter run: what tells the run from all others; random unless a test decides it.
    package init(run: UInt64 = .random(in: 0 ... .max)) {
        let digits = String(run, radix: 16)
        let zeros = String(repeating: "0", count: 16 - digits.utf8.count)
        start = Array("Idempotency-Key: \(zeros)\(digits)-".utf8)
    }

    /// Appends the whole header line, without allocating.
    /// - Parameter number: of the request, each once in a run.
    package func appendHeader(_ number: Int, to output: inout ByteBuffer) {
        output.append(start.span)
        output.append(integer: number)
        output.append("\r\n")
    }
}
