import Foundation
import Glibc
import TestSupport

/// Says the same to whoever connects, and again to whatever it hears: a server that is no Redis.
final class TalkativeServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let words: [UInt8]

    init(saying words: String) throws {
        self.words = Array(words.utf8)
        port = try freePort()
        listener = try CuttingProxy.listen(port)
        Thread.detachNewThread { [listener, words = self.words] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { TalkativeServer.talk(to: client, words) }
            }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func talk(to client: Int32, _ words: [UInt8]) {
        defer { close(client) }
        var heard = [UInt8](repeating: 0, count: 4096)
        repeat {
            // SAFETY: both arrays live during the calls, and their own sizes are given.
            guard unsafe send(client, words, words.count, Int32(MSG_NOSIGNAL)) > 0 else { return }
        } while unsafe recv(client, &heard, heard.count, 0) > 0
    }
}
