internal import Bytes
internal import System
internal import Numerics
internal import Options

@main
enum FuzzProgram {
    static func main() {
        exitProcess(runFuzz(Array(CommandLine.arguments.dropFirst())))
    }
}

private let help = """
    tidemark-fuzz: sends random malformed input to every parser, for a given time.

      tidemark-fuzz [--seconds 60] [--seed N] [--target NAME]
      tidemark-fuzz --conversations FILE [--count 1000] [--seed N]

    Targets: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))
    First it must find the fault of the canary, a parser with a known fault. A fault is printed
    with the seed and the input that reproduce it.
    --conversations makes a file of what clients may send, for other parsers of HTTP too: of each
    conversation its length in four bytes, the least one first, and its bytes. How the service reads
    them is printed, a line for each; the last line tells how many requests they were made of.
    Exit status: 0 no fault, 1 a fault, 64 wrong usage.

    """

/// A global function, because closures inside the main type would be isolated to the main actor.
private func runFuzz(_ arguments: [String]) -> Int32 {
    do throws(OptionError) {
        if arguments.contains("--help") {
            StandardStreams.writeOutput(help)
            return 0
        }
        var options = try Options(arguments, switches: [])
        let seconds = try options.integer("--seconds", 60, in: 1...86_400)
        var random = SystemRandomNumberGenerator()
        let seed = try options.integer("--seed", Int(random.next() >> 1), in: 0...Int.max)
        if let path = options.text("--conversations") {
            let count = try options.integer("--count", 1_000, in: 1...10_000_000)
            try options.expectNothingElse()
            return converse(path, count: count, seed: UInt64(seed))
        }
        var targets = FuzzTarget.allCases.filter { $0 != .canary }
        if let name = options.text("--target") {
            guard let target = FuzzTarget(rawValue: name) else {
                throw OptionError("--target: \"\(name)\" is not one of the targets; see --help")
            }
            targets = [target]
        }
        try options.expectNothingElse()
        return fuzz(targets, seconds: seconds, seed: UInt64(seed))
    } catch {
        StandardStreams.writeError("tidemark-fuzz: \(error.description)\n")
        return 64
    }
}

private func converse(_ path: String, count: Int, seed: UInt64) -> Int32 {
    var maker = ConversationMaker(seed: seed)
    var file = ByteBuffer(limit: 1 << 31)
    var lines = ByteBuffer(limit: 1 << 31)
    var requests = 0
    for _ in 0..<count {
        let (bytes, made) = maker.next()
        requests += made
        for shift in [0, 8, 16, 24] { file.append(UInt8(truncatingIfNeeded: bytes.count >> shift)) }
        file.append(bytes.span)
        lines.append(text: ConversationReader.read(bytes) + "\n")
    }
    do throws(FileError) {
        try Files.write(path, file.readable)
    } catch {
        StandardStreams.writeError("tidemark-fuzz: \(error)\n")
        return 1
    }
    lines.append(text: "\(requests)\n")
    StandardStreams.writeOutput(lines.readable)
    return 0
}

/// Inputs for the canary. A working fuzzer finds its fault within a few hundred.
private let canaryInputs = 200_000

private func fuzz(_ targets: [FuzzTarget], seconds: Int, seed: UInt64) -> Int32 {
    // Printed first, because a trap would end the program before it could print.
    StandardStreams.writeOutput("fuzz: seed \(seed)\n")
    var fuzzer = Fuzzer(seed: seed)
    guard (0..<canaryInputs).contains(where: { _ in fuzzer.run(.canary) != nil }) else {
        StandardStreams.writeError("fuzz: the canary was not caught: these inputs find nothing\n")
        return 1
    }
    let end = Clock.now() + .seconds(seconds)
    var inputs = 0
    while Clock.now() < end {
        for target in targets {
            for _ in 0..<200 {
                inputs += 1
                guard let fault = fuzzer.run(target) else { continue }
                StandardStreams.writeError("fuzz: seed \(seed), \(target.rawValue): \(fault)\n")
                return 1
            }
        }
    }
    let names = targets.map(\.rawValue).joined(separator: ", ")
    StandardStreams.writeOutput(
        "fuzz: the canary was caught; \(inputs) inputs to \(names): no fault\n")
    return 0
}
