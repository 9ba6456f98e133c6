internal import Bytes
internal import Detection
internal import Push
internal import Store
internal import TLS
internal import Wire
internal import System

/// The process: starts the workers, waits for a signal, lets them drain.
enum Server {
    /// Why the process cannot start.
    enum StartError: Error, CustomStringConvertible {
        case system(SystemError)
        case store(SharedFile.OpeningError)
        /// Of TLS_CERT or TLS_KEY.
        case certificate(TLSError)
        /// Of REDIS_CA, REDIS_CERT or REDIS_KEY.
        case redisTLS(TLSError)
        /// Of TLS_CA_FILE.
        case authorities(TLSError)
        /// Too few descriptors for any connection.
        case descriptors(limit: Int, own: Int)

        var description: String {
            switch self {
            case .system(let error): error.description
            case .store(let error): "the store cannot be opened: \(error.description)"
            case .certificate(let error): "TLS_CERT: \(error.description)"
            case .redisTLS(let error): "TLS to Redis: \(error.description)"
            case .authorities(let error): "TLS_CA_FILE: \(error.description)"
            case .descriptors(let limit, let own):
                "the process may open \(limit) files and sockets (ulimit -n), and needs more than "
                    + "\(own)"
            }
        }
    }

    /// Files and sockets beside the connections of clients: the store's, the loops', files that are
    /// read now and then, and a few in reserve.
    private static let ownDescriptors = 64
    private static let descriptorsOfLoop = 8

    static func run(_ wanted: Configuration, _ access: Access) throws(StartError) {
        let signals: SignalQueue
        do throws(SystemError) {
            // First of all: threads of the store inherit the mask, too.
            signals = try SignalQueue()
        } catch {
            throw .system(error)
        }
        let loops = wanted.threads > 0 ? wanted.threads : availableProcessors()
        let configuration = try bounded(wanted, loops: loops)
        let parameters = FoldParameters(configuration)
        let certificate: Certificate?
        do throws(TLSError) {
            certificate = try Certificate(configuration)
        } catch {
            throw .certificate(error)
        }
        switch configuration.store {
        case .memory:
            var random = SystemRandomNumberGenerator()
            let store = SharedMemory(configuration, parameters, hashSeed: random.next())
            let shared = SharedState(
                configuration, parameters, store: store, access: access,
                certificate: certificate, loops: loops)
            Log.info(
                "series are in the memory of this process, and forgotten when it ends; "
                    + "STORE=file:PATH keeps them")
            try run(shared, on: MemoryStore.self, sharing: store, until: signals)
        case .file(let path):
            let store: SharedFile
            do throws(SharedFile.OpeningError) {
                store = try SharedFile(path: path, configuration, parameters, loops: loops)
            } catch {
                throw .store(error)
            }
            let shared = SharedState(
                configuration, parameters, store: store, access: access,
                certificate: certificate, loops: loops)
            try run(shared, on: FileStore.self, sharing: store, until: signals)
        case .redis(let location):
            let store: SharedRedis
            do throws(SharedRedis.OpeningError) {
                store = try SharedRedis(at: location, configuration, parameters, loops: loops)
            } catch {
                switch error {
                case .system(let error): throw .system(error)
                case .tls(let error): throw .redisTLS(error)
                }
            }
            let shared = SharedState(
                configuration, parameters, store: store, access: access,
                certificate: certificate, loops: loops)
            try run(shared, on: RedisStore.self, sharing: store, until: signals)
        }
    }

    /// The settings with no more connections than there are descriptors.
    private static func bounded(
        _ wanted: Configuration, loops: Int
    ) throws(StartError) -> Configuration {
        let limit = ProcessUsage.raiseDescriptorLimit()
        let own = ownDescriptors + descriptorsOfLoop * loops
        let room = limit - own
        guard room > 0 else { throw .descriptors(limit: limit, own: own) }
        guard wanted.connectionLimit > room else { return wanted }
        var configuration = wanted
        configuration.connectionLimit = room
        // Nobody asked for the default, so it is no surprise.
        let isDefault = wanted.connectionLimit == Configuration().connectionLimit
        (isDefault ? Log.info : Log.warning)(
            "MAX_CONNECTIONS: \(room) instead of \(wanted.connectionLimit), because the process may "
                + "open \(limit) files and sockets (ulimit -n)")
        return configuration
    }

    /// Serves until a signal comes and the loops have drained.
    private static func run<Series: Store & ~Copyable>(
        _ shared: SharedState, on _: Series.Type, sharing store: Series.Shared,
        until signals: borrowing SignalQueue
    ) throws(StartError) {
        // Before the loops: no incident happens unheard.
        let notifier = try Notifications.start(shared)
        do throws(SystemError) {
            try serve(shared, on: Series.self, sharing: store, until: signals)
        } catch {
            throw .system(error)
        }
        notifier?.stop()
        Log.info("stopped")
    }

    private static func serve<Series: Store & ~Copyable>(
        _ shared: SharedState, on _: Series.Type, sharing store: Series.Shared,
        until signals: borrowing SignalQueue
    ) throws(SystemError) {
        let loops = shared.metrics.count
        // All are opened before the first thread starts, so that a port in use stops the start.
        let seats = try openSeats(
            port: UInt16(shared.configuration.port), at: shared.access.address, count: loops)
        let threads = try ThreadGroup(seats) { seat in
            serve(seat, shared, on: Series.self, sharing: store)
        }
        Log.info(
            "tidemark \(Build.version) serves on port \(seats[0].port) with \(loops) "
                + "loop\(loops == 1 ? "" : "s")"
                + "\(shared.certificate == nil ? "" : ", by TLS"), store \(store.summary)")
        let signal = try wait(for: signals, shared)
        Log.info("signal \(signal): draining")
        shared.startDraining()
        for seat in seats { WakeUp.signal(seat.wakeUp) }
        threads.join()
    }

    /// What a worker gets from the thread that starts it. The worker owns the descriptors.
    private struct Seat: Sendable {
        let index: Int
        let port: UInt16
        let listener: Int32
        let wakeUp: Int32
    }

    private static func openSeats(
        port: UInt16, at address: PeerAddress?, count: Int
    ) throws(SystemError) -> [Seat] {
        var seats: [Seat] = []
        if port > 0 { try Sockets.checkFree(port: port, at: address) }
        for index in 0..<count {
            // Port 0 takes a free one, which the others then share.
            let listener = try Sockets.listen(port: seats.first?.port ?? port, at: address)
            seats.append(
                Seat(
                    index: index, port: try Sockets.localPort(listener),
                    listener: listener.release(), wakeUp: try WakeUp.open()))
        }
        return seats
    }

    /// Runs a worker until it has drained; on the worker's own thread.
    private static func serve<Series: Store & ~Copyable>(
        _ seat: Seat, _ shared: SharedState, on _: Series.Type,
        sharing store: Series.Shared
    ) {
        do throws(SystemError) {
            var loop = try EventLoop(wakeUp: WakeUp(owning: seat.wakeUp))
            var worker = Worker<Series>(
                shared, store, index: seat.index,
                listener: FileDescriptor(owning: seat.listener), wakeUp: seat.wakeUp)
            try worker.start(&loop)
            try loop.run(&worker)
        } catch {
            Log.error("worker \(seat.index) failed: \(error.description)")
            exitProcess(1)
        }
    }

    /// How often files of tokens and the certificate are looked at.
    private static let lookInterval = TimeSpan.seconds(1)

    /// Waits for the signal that ends the process; reads files that may change meanwhile.
    private static func wait(
        for signals: borrowing SignalQueue, _ shared: SharedState
    ) throws(SystemError) -> Int32 {
        var poller = try Poller()
        try poller.add(
            signals.descriptor.number, .read, token: Token(kind: 0, generation: 0, index: 0))
        while true {
            let mayChange = shared.access.hasFiles || shared.certificate != nil
            let events = try poller.wait(mayChange ? lookInterval : nil)
            let signal = events > 0 ? signals.next() : nil
            if let signal, signal != SignalQueue.reload { return signal }
            let isForced = signal == SignalQueue.reload
            shared.access.readAgain(isForced: isForced)
            shared.certificate?.readAgain(isForced: isForced)
        }
    }
}
