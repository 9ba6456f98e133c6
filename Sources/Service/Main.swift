@main
struct ServiceProgram {
    static func main() {}
}
