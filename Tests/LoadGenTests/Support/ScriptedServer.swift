import CLinux
import Foundation
import Synchronization

/// A server of one thread whose slowness is known exactly: it answers at once or after a delay,
/// does nothing while it stalls, and answers no more often than its pace.
final class ScriptedServer: Sendable {
    /// Seconds from one stall's beginning to the next one's, and how long each lasts.
    struct Stalls: Sendable {
        let every: Double
        let lasting: Double
    }

    private let answer: [UInt8]
    private let closes: Bool
    let port: UInt16
    private let listener: Int32
    private let stalls: Stalls?
    private let secondsPerAnswer: Double
    private let delay: Double
    private let stopped = Atomic(false)
    private let done = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - secondsPerAnswer: each answer takes that long, one after the other.
    ///   - delay: seconds from a request to its answer, however many requests there are.
    ///   - answer: what it sends, whatever it is asked.
    ///   - closes: whether it closes the connection behind that.
    init(
        stalls: Stalls? = nil, secondsPerAnswer: Double = 0, delay: Double = 0,
        answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", closes: Bool = false
    ) throws {
        self.answer = Array(answer.utf8)
        self.closes = closes
        self.stalls = stalls
        self.secondsPerAnswer = secondsPerAnswer
        self.delay = delay
        (listener, port) = try ScriptedServer.listening()
        Thread { [self] in serve() }.start()
    }

    /// Stops serving; returns when its thread is gone.
    func stop() {
        stopped.store(true, ordering: .relaxed)
        done.wait()
    }

    static func listening() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: the calls read and write the address, whose own size is given.
        let bound = unsafe tm_bind(descriptor, &address, length)
        _ = unsafe tm_local_address(descriptor, &address, &length)
        guard descriptor >= 0, bound == 0, listen(descriptor, 512) == 0 else {
            throw POSIXError(.EADDRINUSE)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func now() -> Double {
        var time = timespec()
        // SAFETY: the call fills the value.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private func sleep(until time: Double) {
        let left = time - now()
        if left > 0 { usleep(UInt32(left * 1e6)) }
    }

    private func serve() {
        _ = tm_set_timer_slack(1)
        let poller = epoll_create1(0)
        func watch(_ descriptor: Int32) {
            _ = tm_epoll_control(
                poller, EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue, UInt64(descriptor))
        }
        watch(listener)
        var open: Set<Int32> = []
        var waiting: [(due: Double, descriptor: Int32)] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        // SAFETY: all zero is a valid value of the C struct.
        var events = unsafe [epoll_event](repeating: epoll_event(), count: 64)
        var free = now()
        while !stopped.load(ordering: .relaxed) {
            waitOutStall()
            let wait = max(0, min(0.02, (waiting.first?.due ?? .infinity) - now()))
            var limit = timespec(tv_sec: 0, tv_nsec: Int(wait * 1e9))
            // SAFETY: the array has 64 elements; the kernel fills no more.
            let count = unsafe epoll_pwait2(poller, &events, 64, &limit, nil)
            waitOutStall()
            let served = waiting.prefix { $0.due <= now() }
            for answer in served { send(answer.descriptor, &free) }
            waiting.removeFirst(served.count)
            for index in 0..<max(0, Int(count)) {
                // SAFETY: the index is below the count of events that the kernel filled.
                let descriptor = unsafe Int32(truncatingIfNeeded: tm_event_token(&events[index]))
                if descriptor == listener {
                    let connection = accept4(listener, nil, nil, 0)
                    open.insert(connection)
                    watch(connection)
                } else if !receive(descriptor, &buffer) {
                    open.remove(descriptor)
                    close(descriptor)
                } else if delay > 0 {
                    waiting.append((now() + delay, descriptor))
                } else {
                    send(descriptor, &free)
                }
            }
        }
        for descriptor in open.union([listener, poller]) { close(descriptor) }
        done.signal()
    }

    private func waitOutStall() {
        guard let stalls else { return }
        let time = now()
        let phase = time.truncatingRemainder(dividingBy: stalls.every)
        if phase < stalls.lasting { sleep(until: time - phase + stalls.lasting) }
    }

    /// Reads what is there: requests without a body, one at a time, each sent at once. False at the
    /// connection's end.
    private func receive(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Bool {
        // SAFETY: the kernel writes at most as many bytes as the array has.
        unsafe recv(descriptor, &buffer, buffer.count, 0) > 0
    }

    private func send(_ descriptor: Int32, _ free: inout Double) {
        if secondsPerAnswer > 0 {
            free = max(free, now()) + secondsPerAnswer
            sleep(until: free)
        }
        // SAFETY: the array lives during the call, and its own size is given.
        _ = unsafe CLinux.send(descriptor, answer, answer.count, Int32(MSG_NOSIGNAL))
        // The other side reads an end, and closes; that is when the descriptor goes.
        if closes { shutdown(descriptor, Int32(SHUT_WR)) }
    }
}
