@main
struct LoadGenProgram {
    static func main() {}
}
