@main
struct SyntheticProgram {
    static func main() {}
}
