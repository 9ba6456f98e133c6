internal import CLinux

/// A program that runs beside this one; what it writes to standard output is read here.
package struct ChildProcess: ~Copyable {
    private let number: pid_t
    private var output: FileDescriptor?

    /// - Parameter program: a path, or a name that is looked for as a shell does.
    package init(_ program: String, _ arguments: [String]) throws(SystemError) {
        var ends: [Int32] = [0, 0]
        // SAFETY: the call writes two numbers.
        guard unsafe pipe(&ends) == 0 else { throw SystemError("pipe") }
        let output = FileDescriptor(owning: ends[0])
        let input = FileDescriptor(owning: ends[1])
        _ = tm_close_on_start(output.number)
        // SAFETY: initialized here and destroyed below.
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: as above.
        unsafe posix_spawn_file_actions_init(&actions)
        // SAFETY: as above.
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // SAFETY: initialized above.
        unsafe posix_spawn_file_actions_adddup2(&actions, input.number, STDOUT_FILENO)
        // SAFETY: as above.
        unsafe posix_spawn_file_actions_addclose(&actions, input.number)
        // SAFETY: copies that are freed below; the list ends with none, as the call wants it.
        var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        // SAFETY: made above, and freed once.
        defer { unsafe words.forEach { unsafe free($0) } }
        var number: pid_t = 0
        // SAFETY: the call reads the texts and writes the number.
        let code = unsafe posix_spawnp(&number, program, &actions, nil, &words, tm_environment())
        guard code == 0 else { throw SystemError("start", code) }
        self.number = number
        self.output = consume output
    }

    /// What the program writes, once. It waits when nobody reads.
    /// - Parameter blockBytes: as `LineReader` has it.
    package mutating func takeLines(blockBytes: Int, name: String) -> LineReader? {
        guard let output = output.take() else { return nil }
        return LineReader(output, name: name, blockBytes: blockBytes)
    }

    /// Waits until it has ended.
    /// - Returns: its exit status; 128 and more when a signal ended it.
    package consuming func wait() -> Int32 {
        var status: Int32 = 0
        // SAFETY: the call writes the status.
        while unsafe waitpid(number, &status, 0) < 0, tm_errno() == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
