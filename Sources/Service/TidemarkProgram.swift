internal import Bytes
internal import Wire
internal import System

@main
enum TidemarkProgram {
    static func main() {
        exitProcess(runProgram())
    }
}

/// Outside the main type, whose isolation its closures would inherit.
private func runProgram() -> Int32 {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do throws(ConfigurationError) {
        switch try CommandLineReader.read(arguments, environment: environmentVariable) {
        case .help:
            StandardStreams.writeOutput(CommandLineReader.help)
            return 0
        case .version:
            StandardStreams.writeOutput("tidemark \(Build.version)\n")
            return 0
        case .check(let host, let port, let path, let isSecure):
            return LocalCheck.run(
                host: host, port: UInt16(clamping: port), path: path, isSecure: isSecure)
        case .pause(let span):
            Clock.sleep(span)
            return 0
        case .tool(let tool, let configuration):
            return FileTools.run(tool, configuration)
        case .serve(let configuration):
            return serve(configuration, try Access(configuration))
        }
    } catch {
        StandardStreams.writeError("tidemark: \(error.description)\n")
        return 64
    }
}

private func serve(_ configuration: Configuration, _ access: Access) -> Int32 {
    Log.configure(configuration)
    do throws(Server.StartError) {
        try Server.run(configuration, access)
        return 0
    } catch {
        Log.error("cannot serve on port \(configuration.port): \(error.description)")
        return 1
    }
}
