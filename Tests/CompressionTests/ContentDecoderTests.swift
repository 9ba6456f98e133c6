import Bytes
import Compression
import Foundation
import HTTP
import Numerics
import TestSupport
import Testing

@Suite struct ContentDecoderTests {
    /// Text that a batch could be: it has patterns, and is no pattern itself.
    private func text(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var text: [UInt8] = []
        while text.count < count {
            text += Array("{\"rps\":\(random.next() % 1000),\"cpu\":\(random.next() % 100)}\n".utf8)
        }
        return Array(text.prefix(count))
    }

    /// What a program of this machine makes of bytes.
    private func coded(_ bytes: [UInt8], _ program: String) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let path = folder.path + "/in"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let (status, output) = try Programs.run(
            "python3", ["-c", program, path, folder.path + "/out"])
        guard status == 0 else { throw Failure(output) }
        return Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out")))
    }

    private static let start = "import sys,zlib,gzip;b=open(sys.argv[1],'rb').read();"
    private static let end = ";open(sys.argv[2],'wb').write(c)"

    private static let programs: [(ContentCoding, String)] = [
        (.gzip, start + "c=gzip.compress(b)" + end),
        (.gzip, start + "c=gzip.compress(b[:9])+gzip.compress(b[9:])" + end),
        (.deflate, start + "c=zlib.compress(b)" + end),
        (
            .deflate,
            start + "o=zlib.compressobj(9,zlib.DEFLATED,-15);c=o.compress(b)+o.flush()" + end
        ),
        (
            .zstd,
            "import subprocess,sys;subprocess.run(['zstd','-q','-f','-19',sys.argv[1],'-o',"
                + "sys.argv[2]],check=True)"
        ),
    ]

    private func decode(
        _ bytes: [UInt8], by decoder: ContentDecoder, _ coding: ContentCoding, limit: Int = 1 << 20
    ) throws(ContentFault) -> [UInt8] {
        var output = ByteBuffer(limit: limit + ContentDecoder.step)
        try decoder.decode(bytes.span, coding, limit: limit, into: &output)
        let readable = output.readable
        return readable.indices.map { readable[$0] }
    }

    @Test("what other programs coded is read, one after the other", arguments: programs.indices)
    func reads(_ number: Int) throws {
        let (coding, program) = ContentDecoderTests.programs[number]
        let decoder = ContentDecoder()
        for count in [0, 1, 1000, 65_536, 65_537, 900_000] {
            let plain = text(count, seed: UInt64(count))
            let bytes = try coded(plain, program)
            #expect(try decode(bytes, by: decoder, coding) == plain, "\(count)")
            // Exactly the limit is allowed.
            #expect(try decode(bytes, by: decoder, coding, limit: max(1, count)) == plain)
        }
    }

    @Test("what is over the limit, cut or spoiled is refused", arguments: programs.indices)
    func refuses(_ number: Int) throws {
        let (coding, program) = ContentDecoderTests.programs[number]
        let decoder = ContentDecoder()
        let plain = text(20_000, seed: 7)
        let bytes = try coded(plain, program)
        #expect(throws: ContentFault.tooLong) {
            try decode(bytes, by: decoder, coding, limit: 19_999)
        }
        for length in [0, 1, 2, 10, bytes.count / 2, bytes.count - 1] {
            #expect(throws: ContentFault.malformed, "\(length)") {
                try decode(Array(bytes.prefix(length)), by: decoder, coding)
            }
        }
        // Whatever changes, it ends, and the next body is read as before.
        var random = SeededRandom(seed: 3)
        for _ in 0..<500 {
            var spoiled = bytes
            spoiled[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8))
            _ = try? decode(spoiled, by: decoder, coding)
        }
        #expect(try decode(bytes, by: decoder, coding) == plain)
    }

    @Test("a bomb takes no more memory than the limit")
    func boundsBombs() throws {
        let decoder = ContentDecoder()
        let zeros = [UInt8](repeating: 0, count: 50_000_000)
        for (coding, program) in ContentDecoderTests.programs {
            let bytes = try coded(zeros, program)
            #expect(bytes.count < 100_000)
            #expect(throws: ContentFault.tooLong) {
                try decode(bytes, by: decoder, coding, limit: 1 << 20)
            }
        }
    }
}
