internal import Bytes
internal import Wire
internal import System

/// The process: starts the workers, waits for a signal, lets them drain.
enum Server {
    static func run(_ configuration: Configuration) throws(SystemError) {
        ProcessUsage.raiseDescriptorLimit()
        let signals = try SignalQueue()
        let workers = configuration.threads > 0 ? configuration.threads : availableProcessors()
        var random = SystemRandomNumberGenerator()
        let shared = SharedState(configuration, workers: workers, hashSeed: random.next())
        // All are opened before the first thread starts: a port that is taken stops the start.
        let seats = try openSeats(port: UInt16(configuration.port), count: workers)
        let threads = try ThreadGroup(seats) { seat in occupy(seat, shared) }
        Log.info(
            "tidemark \(Build.version) serves on port \(seats[0].port) with \(workers) "
                + "loop\(workers == 1 ? "" : "s"), store \(describe(configuration.store))")
        let signal = try wait(for: signals)
        Log.info("signal \(signal): draining")
        shared.startDraining()
        for seat in seats { WakeUp.signal(seat.wakeUp) }
        threads.join()
        Log.info("stopped")
    }

    /// The store without its password.
    private static func describe(_ store: StoreLocation) -> String {
        guard case .redis(let location) = store else { return "memory" }
        let servers = location.servers.map { "\($0.host):\($0.port)" }.joined(separator: ",")
        return "\(location.isCluster ? "redis-cluster" : "redis") at \(servers)"
    }

    /// What a worker needs from the thread that starts it. The descriptors are the worker's own.
    private struct Seat: Sendable {
        let index: Int
        let port: UInt16
        let listener: Int32
        let wakeUp: Int32
    }

    private static func openSeats(port: UInt16, count: Int) throws(SystemError) -> [Seat] {
        var seats: [Seat] = []
        if port > 0 { try Sockets.checkFree(port: port) }
        for index in 0..<count {
            // Port 0 takes a free one, which the others then share.
            let listener = try Sockets.listen(port: seats.first?.port ?? port)
            seats.append(
                Seat(
                    index: index, port: try Sockets.localPort(listener),
                    listener: listener.release(), wakeUp: try WakeUp.open()))
        }
        return seats
    }

    /// Runs a worker until it has drained; on the worker's own thread.
    private static func occupy(_ seat: Seat, _ shared: SharedState) {
        do throws(SystemError) {
            var worker = try Worker(
                shared, index: seat.index, listener: FileDescriptor(owning: seat.listener),
                wakeUp: WakeUp(owning: seat.wakeUp))
            try worker.run()
        } catch {
            Log.error("worker \(seat.index) failed: \(error.description)")
            exitProcess(1)
        }
    }

    private static func wait(for signals: borrowing SignalQueue) throws(SystemError) -> Int32 {
        var poller = try Poller()
        try poller.add(
            signals.descriptor.number, .read, token: Token(kind: 0, generation: 0, index: 0))
        while true {
            if try poller.wait(nil) > 0, let signal = signals.next() { return signal }
        }
    }
}
