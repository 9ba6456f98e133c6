@main
struct BenchmarkProgram {
    static func main() {}
}
