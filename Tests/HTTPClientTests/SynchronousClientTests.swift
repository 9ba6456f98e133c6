import Bytes
import Foundation
import TestSupport
import Testing

@testable import HTTPClient

/// One request after the other, with servers that behave and servers that don't.
@Suite(.serialized) struct SynchronousClientTests {
    private func client(_ port: UInt16, timeout: TimeSpan = .seconds(10), bodyLimit: Int = 1 << 16)
        throws -> SynchronousClient
    {
        try SynchronousClient(
            host: "127.0.0.1", port: port, timeout: timeout, requestLimit: 1 << 20,
            bodyLimit: bodyLimit)
    }

    private func request(_ text: String = "GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> ByteBuffer {
        var request = ByteBuffer(limit: 1 << 20)
        request.append(text: text)
        return request
    }

    private func failure(of client: inout SynchronousClient) -> RequestError? {
        do throws(RequestError) {
            _ = try client.exchange(request())
            return nil
        } catch { return error }
    }

    @Test(
        "however a response ends, it is whole, and what is interim is not the response",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3\r\nody\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nbody",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        ])
    func readsResponses(_ text: String) throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.send(text)
                if text.hasPrefix("HTTP/1.0") { return }
            }
        }
        defer { server.stop() }
        var client = try client(server.port)
        for _ in 0..<3 {
            let response = try client.exchange(request())
            #expect(response.status == 200)
            #expect(response.body == Array("body".utf8))
        }
        #expect(server.requests.count == 3)
    }

    @Test(
        "a connection that the server closed while it was idle is opened again, and nothing is lost"
    )
    func reopens() throws {
        let server = try TalkingServer { visit in
            if visit.request() != nil { visit.respond("\(visit.number)") }
        }
        defer { server.stop() }
        var client = try client(server.port)
        for number in 0..<3 {
            #expect(try client.exchange(request()).body == Array("\(number)".utf8))
            usleep(50_000)
        }
        #expect(server.requests.count == 3)
    }

    @Test("a response that is late is a request of unknown outcome, sent once")
    func givesUpOnce() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.sleep(0.5)
                visit.respond("late")
            }
        }
        defer { server.stop() }
        var client = try client(server.port, timeout: .milliseconds(250))
        let error = failure(of: &client)
        #expect(error?.outcome == .unknown)
        #expect(error?.description == "no whole response within 0.25 s")
        usleep(600_000)
        #expect(server.requests.count == 1)
    }

    @Test("a server that hangs up on a kept connection is not sent the request again")
    func hangsUp() throws {
        let server = try TalkingServer { visit in
            if visit.request() != nil { visit.respond("one") }
            _ = visit.request()
        }
        defer { server.stop() }
        var client = try client(server.port)
        #expect(try client.exchange(request()).status == 200)
        let error = failure(of: &client)
        #expect(error?.outcome == .unknown)
        #expect(error?.description == "the connection was closed before the response was whole")
        #expect(server.requests.count == 2)
    }

    @Test("where nobody listens nothing was sent, and the reason is told")
    func namesRefusal() throws {
        let server = try TalkingServer { _ in }
        server.stop()
        var client = try client(server.port)
        #expect(
            failure(of: &client)
                == RequestError(outcome: .notSent, description: "connection refused"))
        #expect(throws: RequestError.self) {
            _ = try SynchronousClient(
                host: "no.such.host.invalid", port: 1, timeout: .seconds(1), requestLimit: 1,
                bodyLimit: 1)
        }
    }

    @Test(
        "what is no response, or too large a one, is told apart",
        arguments: [
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "what came is no HTTP response"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", "the response is too large"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n",
                "the response is too large"
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "what came is no HTTP response"
            ),
        ])
    func refusesResponses(_ text: String, _ reason: String) throws {
        let server = try TalkingServer { visit in
            if visit.request() != nil { visit.send(text) }
            _ = visit.request()
        }
        defer { server.stop() }
        var client = try client(server.port)
        #expect(failure(of: &client)?.description == reason)
    }

    @Test("of a request larger than a socket takes at once every byte arrives")
    func sendsLargeRequests() throws {
        let server = try TalkingServer { visit in
            visit.sleep(0.05)
            if let text = visit.request() { visit.respond("\(text.utf8.count)") }
        }
        defer { server.stop() }
        var client = try SynchronousClient(
            host: "127.0.0.1", port: server.port, timeout: .seconds(10), requestLimit: 1 << 25,
            bodyLimit: 100)
        let body = String(repeating: "x", count: 12_000_000)
        var request = ByteBuffer(limit: 1 << 25)
        request.append(
            text: "POST / HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let count = request.count
        #expect(try client.exchange(request).body == Array("\(count)".utf8))
    }
}
