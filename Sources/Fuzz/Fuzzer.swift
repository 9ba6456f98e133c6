internal import Numerics

/// Makes inputs from valid examples: it cuts, joins and repeats them, and changes bytes.
struct Fuzzer {
    private static let inputLimit = 4096
    private var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// Passes one input to a target.
    /// - Returns: a description of the fault and the input, or nil.
    mutating func run(_ target: FuzzTarget) -> String? {
        let input = makeInput(target.examples, target.alphabet)
        let cut = random.below(input.count + 1)
        guard let fault = target.check(input, cut: cut) else { return nil }
        return "\(fault)\ninput: \(String(decoding: input, as: UTF8.self).debugDescription)"
    }

    private mutating func makeInput(_ examples: [[UInt8]], _ alphabet: [UInt8]) -> [UInt8] {
        var input = examples[random.below(examples.count)]
        for _ in 0..<random.below(6) {
            switch random.below(6) {
            case 0 where !input.isEmpty:
                input[random.below(input.count)] = UInt8(truncatingIfNeeded: random.next())
            case 1 where !input.isEmpty:
                input[random.below(input.count)] = alphabet[random.below(alphabet.count)]
            case 2:
                input.insert(
                    alphabet[random.below(alphabet.count)], at: random.below(input.count + 1))
            case 3 where !input.isEmpty: input.remove(at: random.below(input.count))
            case 4:
                let other = examples[random.below(examples.count)]
                input =
                    Array(input.prefix(random.below(input.count + 1)))
                    + other.suffix(random.below(other.count + 1))
            default:
                let start = random.below(input.count + 1)
                let end = start + random.below(input.count - start + 1)
                let piece = Array(input[start..<end])
                for _ in 0..<random.below(4) where input.count < Fuzzer.inputLimit {
                    input.insert(contentsOf: piece, at: start)
                }
            }
        }
        return input
    }
}
