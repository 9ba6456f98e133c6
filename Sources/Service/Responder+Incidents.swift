internal import Bytes
internal import HTTP
internal import Store
internal import System
internal import Wire

/// Incidents are the process' own: no request about them waits for the store.
extension Responder where Series: ~Copyable {
    /// A question about the incident that a path names.
    @inline(never)
    mutating func incident(_ head: RequestHead, _ bytes: Span<UInt8>) -> HeadDecision {
        guard let text = Endpoint.incident(of: head.path, bytes), let id = IncidentID(text)
        else { return .refuse(.unknownIncident) }
        var query = Query()
        query.bounds = [.id(id)]
        return .reply(.incident, query)
    }

    /// Notes what a person found out about an incident.
    mutating func tell(
        _ request: Request, _ body: Span<UInt8>, of text: [UInt8], into output: inout ByteBuffer
    ) {
        do throws(FeedbackDecoder.Fault) {
            let feedback = try FeedbackDecoder.decode(
                body, now: Int(Clock.unixNanoseconds() / 1_000_000))
            if let id = IncidentID(text),
                let incident = shared.store.incidents.tell(feedback, of: id)
            {
                reply(request, .incident(incident), into: &output)
            } else {
                refuse(request, .unknownIncident, into: &output)
            }
        } catch {
            refuse(
                request,
                .badFeedback(
                    "a feedback is {\"real\":true} or {\"real\":false}, with a \"note\" of at most "
                        + "\(IncidentFeedback.noteLimit) bytes: \(error.detail)"), into: &output)
        }
    }

    mutating func incidents(_ query: Query) -> Answer {
        for case .id(let id) in query.bounds {
            let found = shared.store.incidents.find(id)
            return found.map { .incident($0) } ?? .problem(.unknownIncident)
        }
        do throws(QueryError) {
            let page = shared.store.incidents.page(try IncidentFilter(query))
            return page.map { .incidents($0) } ?? .problem(.unknownIncident)
        } catch {
            return .problem(.badQuery(error))
        }
    }
}
