import Bytes
import HTTP
import Testing
import Wire

@Suite struct QueryTests {
    private func query(_ text: String) throws(QueryError) -> Query {
        let bytes = Array(text.utf8)
        return try Query(ByteRange(0, bytes.count), bytes.span)
    }

    @Test("an empty query has the defaults")
    func hasDefaults() throws {
        #expect(try query("") == Query())
        #expect(try query("&&") == Query())
        #expect(try query("").verdicts == .flagged)
    }

    @Test("parameters are read, decoded and, where unknown, ignored")
    func readsParameters() throws {
        let read = try query(
            "verdicts=all&device_id=caf%C3%A9+1&limit=7&after=x%2By&alerts=true&utm=%zz")
        #expect(read.verdicts == .all)
        #expect(read.deviceID == Array("café 1".utf8))
        #expect(read.limit == 7)
        #expect(read.after == Array("x+y".utf8))
        #expect(read.alertsOnly)
    }

    @Test("a plus is a space in an ID too, as forms send it")
    func readsIDsOfForms() throws {
        for text in ["id=7-1-web+1%2B2", "id=7-1-web%201%2B2"] {
            let read = try query(text)
            let id = IncidentID(life: 7, sequence: 1, device: Array("web 1+2".utf8))
            #expect(read.bounds == [.id(id)])
        }
        #expect(try query("after=7-1-web+1").after == Array("7-1-web 1".utf8))
    }

    @Test("the last of two parameters of one name counts")
    func takesTheLast() throws {
        #expect(try query("limit=1&limit=2").limit == 2)
    }

    @Test(
        "a bad value is refused with its parameter and what is allowed",
        arguments: [
            ("verdicts=some", "verdicts: allowed is all, flagged or none"),
            ("verdicts", "verdicts: allowed is all, flagged or none"),
            ("limit=0", "limit: allowed is 1 to 1000"),
            ("limit=1001", "limit: allowed is 1 to 1000"),
            ("limit=99999999999999999999", "limit: allowed is 1 to 1000"),
            ("limit=1x", "limit: allowed is 1 to 1000"), ("limit=", "limit: allowed is 1 to 1000"),
            ("alerts=yes", "alerts: allowed is true or false"),
            ("device_id=", "device_id: allowed is 1 to 128 bytes"),
            ("device_id=%2", "device_id: allowed is 1 to 128 bytes"),
            ("device_id=%FF", "device_id: allowed is 1 to 128 bytes"),
            ("device_id=a%00b", "device_id: allowed is 1 to 128 bytes"),
            ("after=%C2%85", "after: allowed is a device's name"),
        ])
    func refusesBadValues(_ text: String, _ detail: String) {
        do throws(QueryError) {
            _ = try query(text)
            Issue.record("\(text) was accepted")
        } catch {
            #expect("\(error.detail)".hasPrefix(detail), "\(text)")
        }
    }

    @Test("a device's name has at most 128 bytes")
    func limitsNames() throws {
        let longest = String(repeating: "x", count: DeviceName.byteLimit)
        #expect(try query("device_id=" + longest).deviceID?.count == DeviceName.byteLimit)
        #expect(throws: QueryError.self) { try query("device_id=x" + longest) }
    }
}
