@main
struct FuzzProgram {
    static func main() {}
}
