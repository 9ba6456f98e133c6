internal import Bytes
internal import HTTPClient
internal import Numerics
internal import Options
internal import System
internal import Wire

/// What tells one target of incidents, on the target's thread.
protocol PushCourier: ~Copyable {
    /// Takes news, and does what is due: one request at most.
    /// - Returns: when it is to be called again; never where only news call for it.
    mutating func turn(_ news: Set<IncidentID>, _ now: Instant) -> Instant
}

/// Sends requests to one target, and says what came of each.
struct Courier: ~Copyable {
    enum Delivery {
        case sent
        /// The target does not want it as it is.
        case refused
        case failed(retryAfterSeconds: Int?)
    }

    /// Statuses that say something of the body; others of 4xx may be mended by an operator.
    private static let refusals = [400, 405, 409, 410, 413, 415, 422]

    let target: PushTarget
    let settings: PushSettings
    private var client: SynchronousClient?
    private var random = SeededRandom(seed: UInt64.random(in: 0...UInt64.max))
    private var isFailing = false

    init(_ target: PushTarget, _ settings: PushSettings) {
        self.target = target
        self.settings = settings
    }

    /// From 0 to 1, drawn anew each time.
    mutating func chance() -> Double { random.unit() }

    /// The time, in Unix milliseconds.
    var unixMilliseconds: Int { Int(Clock.unixNanoseconds() / 1_000_000) }

    /// - Parameters:
    ///   - path: behind the target's own.
    ///   - count: how many notifications it holds.
    mutating func send(
        _ body: borrowing ByteBuffer, to path: String, headers: String = "", count: Int
    ) -> Delivery {
        let delivery = attempt(body, to: path, headers: headers)
        switch delivery {
        case .sent:
            settings.metrics.add(count, .sent, to: target.kind)
            if isFailing { settings.tell(false, "\(target.name): takes notifications again") }
            isFailing = false
        case .refused: settings.metrics.add(count, .refused, to: target.kind)
        case .failed: settings.metrics.add(count, .failed, to: target.kind)
        }
        return delivery
    }

    private mutating func attempt(
        _ body: borrowing ByteBuffer, to path: String, headers: String
    ) -> Delivery {
        let request: ByteBuffer
        do throws(FileError) {
            request = try target.request(target.url.prefix + path, headers: headers, body: body)
        } catch {
            return fail("the token cannot be read: \(error.description)")
        }
        do throws(RequestError) {
            let response = try exchange(request)
            if (200..<300).contains(response.status) { return .sent }
            let said = String(decoding: response.body.prefix(200), as: UTF8.self)
            if Courier.refusals.contains(response.status) {
                settings.tell(true, "\(target.name): refuses: \(response.status) \(said)")
                return .refused
            }
            return fail(
                "answers \(response.status) \(said)",
                retryAfterSeconds: response.retryAfterSeconds)
        } catch {
            client = nil
            return fail(error.description)
        }
    }

    private mutating func exchange(
        _ request: borrowing ByteBuffer
    ) throws(RequestError) -> Response {
        // A name may have another address by now, so it is looked up with each new client.
        var open: SynchronousClient
        if let known = client.take() { open = known } else { open = try target.connect() }
        let response = try open.exchange(request)
        client = consume open
        return response
    }

    private mutating func fail(_ reason: String, retryAfterSeconds: Int? = nil) -> Delivery {
        if !isFailing {
            settings.tell(true, "\(target.name): notifications wait: \(reason)")
        }
        isFailing = true
        return .failed(retryAfterSeconds: retryAfterSeconds)
    }
}
