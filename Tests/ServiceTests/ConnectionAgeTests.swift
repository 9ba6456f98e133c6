import Foundation
import TestSupport
import Testing

/// MAX_CONNECTION_AGE, over real sockets.
@Suite struct ConnectionAgeTests {
    private static let request = RunningService.post("/ingest", #"{"cpu":1,"rps":1}"#)
    private static let settings = ["MAX_CONNECTION_AGE": "200ms"]

    /// Sends one request after the other until an answer is the connection's last.
    /// - Returns: how many were answered.
    private func useUp(_ client: RawClient, _ request: String) throws -> Int {
        var answered = 0
        while true {
            try client.write(request)
            let answer = try client.response()
            answered += 1
            if answer.headers["connection"] == "close" { return answered }
            #expect(answer.headers["connection"] == nil)
        }
    }

    @Test(
        "the answer to an old connection says that it is the last, whatever was asked",
        arguments: [request, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"])
    func endsOldConnections(_ request: String) throws {
        let service = try RunningService(ConnectionAgeTests.settings)
        for _ in 0..<3 {
            let client = try service.connect()
            #expect(try useUp(client, request) > 1)
            #expect(try client.isAtEnd())
        }
        // This connection is too young to be one of them.
        #expect(try service.get("/metrics").body.contains("\nconnections_aged_total 3\n"))
    }

    @Test("a connection without a request is not closed for its age")
    func keepsIdleConnections() throws {
        let service = try RunningService(ConnectionAgeTests.settings)
        let client = try service.connect()
        usleep(600_000)
        try client.write(ConnectionAgeTests.request)
        let answer = try client.response()
        #expect(answer.status == 202)
        #expect(answer.headers["connection"] == "close")
        #expect(try client.isAtEnd())
    }

    @Test("a body that arrives when the connection has become old gets the last answer")
    func endsDuringRequests() throws {
        let service = try RunningService(["MAX_CONNECTION_AGE": "400ms"])
        let client = try service.connect()
        let request = Array(ConnectionAgeTests.request.utf8)
        try client.write(Array(request.dropLast(5)))
        usleep(700_000)
        try client.write(Array(request.suffix(5)))
        let answer = try client.response()
        #expect(answer.status == 202)
        #expect(answer.headers["connection"] == "close")
    }

    @Test("with 0 a connection is never too old", arguments: ["0", "10m"])
    func canBeOff(_ age: String) throws {
        let service = try RunningService(["MAX_CONNECTION_AGE": age])
        let client = try service.connect()
        for _ in 0..<6 {
            try client.write(ConnectionAgeTests.request)
            #expect(try client.response().headers["connection"] == nil)
            usleep(50_000)
        }
    }

    @Test("what comes behind the last answer is heard out, so that no answer is lost by a reset")
    func hearsOut() throws {
        let service = try RunningService(ConnectionAgeTests.settings)
        let client = try service.connect()
        let answered = try useUp(client, ConnectionAgeTests.request)
        // The first of these would be answered by a reset, and then the next could not be sent.
        for _ in 0..<3 { try client.write(ConnectionAgeTests.request) }
        #expect(try client.isAtEnd())
        #expect(try service.get("/analyze").number("total_processed") == Double(answered))
    }

    @Test("of requests sent in advance, those that are processed are answered")
    func answersWhatItProcesses() throws {
        let service = try RunningService(["MAX_CONNECTION_AGE": "50ms"])
        let burst = String(repeating: ConnectionAgeTests.request, count: 20)
        var answered = 0
        for _ in 0..<20 {
            let client = try service.connect()
            var isOpen = true
            // One burst is always under way, so requests arrive behind the last answer, too.
            try client.write(burst)
            while isOpen {
                // The connection may be closed by now; the answers can still be read.
                try? client.write(burst)
                for _ in 0..<20 where isOpen {
                    let answer = try client.response()
                    #expect(answer.status == 202)
                    answered += 1
                    isOpen = answer.headers["connection"] != "close"
                }
            }
            #expect(try client.isAtEnd())
        }
        #expect(try service.get("/analyze").number("total_processed") == Double(answered))
    }
}
