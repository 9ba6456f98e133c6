import Testing
#if canImport(Glibc)
    import Glibc
#endif

/// A number from the environment.
private func number(_ name: String) -> Int? {
    // SAFETY: the name is a literal, and the value is copied before anything can change it.
    unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
}

/// SIMULATIONS=n runs n times as many seeds, and SEED=n begins with another than 0.
var scale: Int { number("SIMULATIONS") ?? 1 }
var firstSeed: UInt64 { UInt64(number("SEED") ?? 0) }
/// LOOK=1 compares all folds after every flight: a failure is found where it begins.
let looksOften = number("LOOK") != nil
/// KINDS=n repeats one simulation with what can happen in it.
let kindsToRepeat = number("KINDS")

/// Like `#expect`, which takes no part of a value that cannot be copied.
func holds(_ isTrue: Bool, _ place: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: place)
}
