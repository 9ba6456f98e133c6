import Bytes
import Detection
import System
import TestSupport
import Testing

@testable import SeriesLog
@testable import Store

@Suite struct LogFileTests {
    private func birth() -> FileFlight {
        var flight = FileFlight()
        flight.commands = [.create]
        flight.birth = 7
        flight.emptyTurn = [1, 2, 3]
        return flight
    }

    private func append(_ bytes: [UInt8]) -> FileFlight {
        var flight = FileFlight()
        flight.commands = [.append]
        flight.turn = bytes
        return flight
    }

    @Test("SYNC=full waits for the disk with each transaction, and normal does not")
    func waitsForTheDisk() throws {
        for (waits, expected) in [(false, 1), (true, 2)] {
            let folder = try TemporaryFolder()
            let tables = try FileTables(folder.path + "/a.db", waitsForDisk: waits)
            let question = try tables.database.prepare("PRAGMA synchronous")
            #expect(try question.next() && question.integer(0) == expected)
        }
    }

    @Test("a file that another holds for a moment is waited for")
    func waitsForALock() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        _ = try FileTables(path, waitsForDisk: false)
        let isLocked = try Bell()
        let threads = try ThreadGroup([path]) { path in
            // As it is while the last reader closes the file.
            let other = try? Database(path: path)
            try? other?.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
            isLocked.ring()
            Clock.sleep(.milliseconds(300))
        }
        isLocked.wait()
        #expect(throws: Never.self) { _ = try FileTables(path, waitsForDisk: false) }
        threads.join()
    }

    @Test("all of a flight is done, or nothing")
    func isAtomic() throws {
        let folder = try TemporaryFolder()
        let file = try LogFile(path: folder.path + "/a.db", waitsForDisk: false, LogFileSettings())
        #expect(file.execute(birth()).fault == nil)
        var flight = append([4, 5])
        // A trim without what it writes is refused, and is no fault of the file.
        flight.commands += [.trim, .read(from: 1, isExcluded: true, limit: 9)]
        let landing = file.execute(flight)
        #expect(landing.replies.count == 3)
        guard case .appended(let position) = landing.replies[0],
            case .entries(let turns) = landing.replies[2]
        else { throw Failure("\(landing.replies)") }
        #expect(position == LogPosition(birth: 7, number: 2))
        #expect(turns.map(\.bytes) == [[4, 5]])
        file.close()
        // Another one finds what this one left, and numbers on.
        let next = try LogFile(path: folder.path + "/a.db", waitsForDisk: false, LogFileSettings())
        guard case .appended(let third) = next.execute(append([6])).replies.first else {
            throw Failure("not appended")
        }
        #expect(third == LogPosition(birth: 7, number: 3))
        next.close()
    }

    @Test(
        "entries that were trimmed are read no more, and leave the file, at its end at the latest")
    func dropsEntries() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        func entries() throws -> Int {
            let count = try Database(path: path).prepare("SELECT count(*) FROM turns")
            return try count.next() ? count.integer(0) : -1
        }
        func first(_ file: LogFile) throws -> UInt64 {
            var flight = FileFlight()
            flight.commands = [.first, .read(from: 0, isExcluded: false, limit: 3)]
            let replies = file.execute(flight).replies
            guard case .entries(let one) = replies[0], case .entries(let some) = replies[1],
                let found = one.first?.position.number, found == some.first?.position.number
            else { throw Failure("\(replies)") }
            return found
        }
        let file = try LogFile(path: path, waitsForDisk: false, LogFileSettings())
        #expect(file.execute(birth()).fault == nil)
        for number in 0..<99 { #expect(file.execute(append([UInt8(number)])).fault == nil) }
        var trim = FileFlight()
        trim.commands = [.trim]
        var group = TrimGroup()
        group.trimsTo = 81
        group.fleet =
            CheckpointCoding.FoldElement(
                birth: 7, asOf: 80, lastEntry: 80, lastArrival: 1,
                totals: SeriesTotals(samples: 80, anomalies: 0, alerts: 0), fold: []
            ).bytes
        trim.group = group
        #expect(file.execute(trim).fault == nil)
        #expect(try first(file) == 81)
        let left = try entries()
        #expect(left > 20, "\(left) entries")
        // As after a kill: another one reads the same log from the file as it is.
        let next = try LogFile(path: path, waitsForDisk: false, LogFileSettings())
        #expect(try first(next) == 81)
        for _ in 0..<3 { #expect(next.execute(append([5])).fault == nil) }
        #expect(try entries() < left)
        next.close()
        #expect(try entries() == 23)
        #expect(try first(LogFile(path: path, waitsForDisk: false, LogFileSettings())) == 81)
        file.close()
    }

    @Test("what is written ahead stays bounded while flights go on, also with a reader in the way")
    func boundsWriteAhead() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        let file = try LogFile(path: path, waitsForDisk: false, LogFileSettings())
        #expect(file.execute(birth()).fault == nil)
        let bytes = [UInt8](repeating: 9, count: 1 << 20)
        for number in 0..<200 {
            #expect(file.execute(append(bytes)).fault == nil)
            // As a trim does, so that the file does not grow either.
            var group = TrimGroup()
            group.trimsTo = UInt64(number + 1)
            var trim = FileFlight()
            trim.commands = [.trim]
            trim.group = group
            #expect(file.execute(trim).fault == nil)
        }
        // 200 MiB were written; 64 MiB and what comes until the next look may stand there.
        let ahead = FileIdentity.bytes(path + "-wal")
        #expect(ahead < 120 << 20, "\(ahead)")
        file.close()
        #expect(FileIdentity.bytes(path) < 60 << 20)
    }
}
