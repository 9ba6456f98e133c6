import Bytes
import Foundation
import Numerics
import TestSupport
import Testing

@testable import TLS

/// Both sides of TLS over memory, with certificates that the tests make.
@Suite(.serialized) struct TLSSessionTests {
    /// One side of a connection, and what it has decrypted.
    private struct Side: ~Copyable {
        var session: TLSSession
        var plaintext = ByteBuffer(limit: 1 << 24)
        var output = ByteBuffer(limit: 1 << 24)
        var ciphertext = ByteBuffer(limit: 1 << 20)

        init(_ context: TLSContext, serverName: String?) throws {
            session = try TLSSession(context, serverName: serverName)
        }

        mutating func take(from other: inout ByteBuffer) {
            session.receive(&other, into: &plaintext, answering: &ciphertext)
        }

        mutating func send() { session.send(&output, into: &ciphertext) }
    }

    /// Lets both sides talk until neither has anything to say.
    private func settle(_ client: inout Side, _ server: inout Side) {
        for _ in 0..<10_000 {
            client.send()
            server.send()
            if client.ciphertext.isEmpty, server.ciphertext.isEmpty { return }
            server.take(from: &client.ciphertext)
            client.take(from: &server.ciphertext)
        }
    }

    private func sides(
        _ certificate: TestCertificate, trust: TLSContext.Trust, serverName: String
    ) throws -> (client: TLSContext, server: TLSContext) {
        (
            try TLSContext(trusting: trust),
            try TLSContext(certificate: certificate.certificate, key: certificate.key)
        )
    }

    @Test("what one side sends the other reads, whatever its size, and a finish is told")
    func movesBytes() throws {
        let certificate = try TestCertificate(names: ["DNS:a.test"])
        defer { certificate.remove() }
        let contexts = try sides(
            certificate, trust: .authorities(file: certificate.certificate), serverName: "a.test")
        var client = try Side(contexts.client, serverName: "a.test")
        var server = try Side(contexts.server, serverName: nil)
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for length in [1, 16_384, 16_385, 3_000_000, random.below(100_000) + 1] {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            client.output.append(bytes.span)
            settle(&client, &server)
            #expect(client.session.state == .open && server.session.state == .open)
            #expect(server.plaintext.count == length, "seed \(seed)")
            let first = server.plaintext.readable[0]
            let last = server.plaintext.readable[length - 1]
            #expect(first == bytes[0] && last == bytes[length - 1])
            server.plaintext.removeAll()
        }
        server.output.append("bye")
        settle(&client, &server)
        server.session.finish(into: &server.ciphertext)
        client.take(from: &server.ciphertext)
        #expect(client.session.state == .finished && client.plaintext.count == 3)
    }

    @Test(
        "a certificate of another name, of an unknown authority, or none, is told by its reason",
        arguments: [
            ("b.test", true, "ostname mismatch"), ("a.test", false, "self-signed"),
            ("10.0.0.9", true, "IP address mismatch"),
        ])
    func refusesCertificates(name: String, isTrusted: Bool, reason: String) throws {
        let certificate = try TestCertificate(names: ["DNS:a.test", "IP:10.0.0.1"])
        let other = try TestCertificate(names: ["DNS:other"])
        defer {
            certificate.remove()
            other.remove()
        }
        let file = isTrusted ? certificate.certificate : other.certificate
        let contexts = try sides(certificate, trust: .authorities(file: file), serverName: name)
        var client = try Side(contexts.client, serverName: name)
        var server = try Side(contexts.server, serverName: nil)
        settle(&client, &server)
        guard case .failed(let error) = client.session.state else {
            Issue.record("accepted")
            return
        }
        #expect(error.description.contains(reason), "\(error)")
        // Who asks nobody is content with it.
        let easy = try TLSContext(trusting: .anybody)
        var careless = try Side(easy, serverName: name)
        var again = try Side(contexts.server, serverName: nil)
        settle(&careless, &again)
        #expect(careless.session.state == .open)
    }

    @Test("an address is looked for among a certificate's addresses")
    func acceptsAddresses() throws {
        let certificate = try TestCertificate(names: ["IP:10.0.0.1", "IP:::1"])
        defer { certificate.remove() }
        for name in ["10.0.0.1", "::1"] {
            let contexts = try sides(
                certificate, trust: .authorities(file: certificate.certificate), serverName: name)
            var client = try Side(contexts.client, serverName: name)
            var server = try Side(contexts.server, serverName: nil)
            settle(&client, &server)
            #expect(client.session.state == .open, "\(name)")
        }
    }

    @Test("random bytes are no TLS, and end the session without harm")
    func refusesNoise() throws {
        let certificate = try TestCertificate(names: ["DNS:a.test"])
        defer { certificate.remove() }
        let contexts = try sides(certificate, trust: .anybody, serverName: "a.test")
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            var server = try Side(contexts.server, serverName: nil)
            var noise = ByteBuffer(limit: 4096)
            for _ in 0..<(random.below(2000) + 20) {
                noise.append(UInt8(truncatingIfNeeded: random.next()))
            }
            server.take(from: &noise)
            #expect(server.session.state != .open && server.plaintext.isEmpty, "seed \(seed)")
        }
    }

    @Test("files that are not there, or not what they should be, are named")
    func namesFiles() throws {
        let certificate = try TestCertificate(names: ["DNS:a.test"])
        defer { certificate.remove() }
        for action: () throws -> Void in [
            { _ = try TLSContext(trusting: .authorities(file: "/nowhere.pem")) },
            { _ = try TLSContext(certificate: "/nowhere.pem", key: certificate.key) },
            { _ = try TLSContext(certificate: certificate.certificate, key: "/nowhere.pem") },
        ] {
            let error = #expect(throws: TLSError.self) { try action() }
            #expect(error?.description.hasPrefix("/nowhere.pem: no ") == true)
        }
    }
}
