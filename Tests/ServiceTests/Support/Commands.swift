import Foundation

/// Runs a program to its end, fed from a text; its status and what it printed.
func run(_ program: String, _ arguments: [String], input: String = "") throws
    -> (status: Int32, output: String)
{
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (feed, output) = (Pipe(), Pipe())
    process.standardInput = feed
    process.standardOutput = output
    process.standardError = output
    try process.run()
    // From a thread of its own: a program that prints before it has read all would else wait for
    // us and we for it.
    let bytes = Data(input.utf8)
    let handle = feed.fileHandleForWriting
    Thread.detachNewThread {
        try? handle.write(contentsOf: bytes)
        try? handle.close()
    }
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: printed, as: UTF8.self))
}
