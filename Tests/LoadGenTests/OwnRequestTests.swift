import Foundation
import Options
import TestSupport
import Testing

@testable import LoadGen

/// Requests that the command line describes.
@Suite(.serialized) struct OwnRequestTests {
    private func template(_ arguments: [String], file: [UInt8] = []) throws -> RequestTemplate? {
        var options = try Options(arguments, switches: [], repeatable: ["--header"])
        let read: FileReader = { (_: String) throws(OptionError) -> [UInt8] in file }
        let template = try RequestTemplate(&options, readFile: read)
        try options.expectNothingElse()
        return template
    }

    @Test("a body comes apart at its names, and other braces are its own")
    func readsTemplates() throws {
        let template = try #require(
            try template(["--path", "/a?d={{device}}", "--body", #"{"a":{{rps}},"b":{"c":{}}}{{"#]))
        #expect(template.method == "POST")
        #expect(template.pathParts == [.text(Array("/a?d=".utf8)), .value(.device)])
        #expect(
            template.body == [
                .text(Array(#"{"a":"#.utf8)), .value(.rps), .text(Array(#","b":{"c":{}}}{{"#.utf8)),
            ])
        #expect(try self.template([]) == nil)
        #expect(try self.template(["--path", "/"])?.method == "GET")
    }

    @Test(
        "what can't be sent is refused by the name of its flag",
        arguments: [
            (["--body", "x"], "--path"), (["--path", "x"], "--path"),
            (["--path", "/", "--method", "get it"], "--method"),
            (["--path", "/", "--header", "no colon"], "--header"),
            (["--path", "/", "--header", "Content-Length: 5"], "--header"),
            (["--path", "/", "--header", "Host: a"], "--host-header"),
            (["--path", "/", "--header", "A: b\r\nC: d"], "--header"),
            (["--path", "/", "--body", "{{nope}}"], "{{nope}}"),
            (["--path", "/", "--body", "a", "--body-file", "b"], "--body-file"),
        ])
    func refusesTemplates(_ arguments: [String], _ word: String) {
        let error = #expect(throws: OptionError.self) { try template(arguments) }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test("each request has its values anew, its headers, its length and a User-Agent")
    func sendsRequests() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("", status: "204 No Content") }
        }
        defer { server.stop() }
        let file = Programs.temporaryPath(".json")
        defer { try? FileManager.default.removeItem(atPath: file) }
        try #"{"t":{{timestamp}},"n":{{seq}},"r":{{rps}},"c":{{cpu}},"d":"{{device}}"}"#.write(
            toFile: file, atomically: true, encoding: .utf8)
        let run = try Programs.loadgen(
            server.port,
            [
                "--rate", "50", "--duration", "1s", "--threads", "2", "--connections", "2",
                "--method", "PUT", "--path", "/in/{{device}}?n={{seq}}", "--header", "X-One: 1",
                "--header", "X-Number: {{seq}}", "--body-file", file, "--devices", "5",
                "--allow-late",
            ])
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("actions", "request", "requests") == 50)
        let requests = server.requests
        #expect(requests.count == 50)
        var numbers: Set<Int> = []
        for request in requests {
            let lines = request.components(separatedBy: "\r\n")
            let body = try #require(lines.last)
            let fields = try #require(
                try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
            let number = try #require(fields["n"] as? Int)
            let device = try #require(fields["d"] as? String)
            numbers.insert(number)
            #expect(lines[0] == "PUT /in/\(device)?n=\(number) HTTP/1.1")
            #expect(lines.contains("X-Number: \(number)") && lines.contains("X-One: 1"))
            #expect(lines.contains("Content-Length: \(body.utf8.count)"))
            #expect(lines.contains("Content-Type: application/json"))
            #expect(lines.contains { $0.hasPrefix("User-Agent: loadgen/") })
            #expect(abs((fields["t"] as? Double ?? 0) - Date().timeIntervalSince1970) < 60)
            #expect((0..<5).contains(Int(device.dropFirst("device-".count)) ?? -1))
        }
        #expect(numbers == Set(1...50))
    }

    @Test("HEAD is answered by a head alone")
    func sendsHead() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            }
        }
        defer { server.stop() }
        let run = try Programs.loadgen(
            server.port,
            [
                "--rate", "50", "--duration", "1s", "--method", "HEAD", "--path", "/",
                "--timeout", "500ms", "--allow-late",
            ])
        #expect(run.status == 0 && run.number("statuses", "200") == 50, "\(run.output)")
    }

    @Test("the service answers what each preset sends, and the preset gives way to flags")
    func sendsPresets() throws {
        let folder = Programs.root + "/presets"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".preset")
        }
        #expect(names.count == 5)
        for name in names {
            try Programs.withService { port, _ in
                let run = try Programs.loadgen(
                    port,
                    [
                        "--preset", "\(folder)/\(name)", "--duration", "1s", "--rate", "60",
                        "--allow-late",
                    ])
                #expect(run.status == 0, "\(name): \(run.output)")
                #expect(run.number("requests") == 60 && run.number("errors", "total") == 0)
                #expect(try Programs.metric(port, "samples_total") > 30)
            }
        }
        #expect(try Programs.loadgen(1, ["--preset", "/nowhere/x.preset"]).status == 64)
    }
}
