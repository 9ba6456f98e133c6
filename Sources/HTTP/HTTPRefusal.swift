/// The reason why a request is refused before it is routed. The connection is closed after a
/// refusal, because the start of the next request is no longer certain.
package struct HTTPRefusal: Error, Equatable {
    package let status: HTTPStatus
    package let detail: String

    package init(_ status: HTTPStatus, _ detail: String) {
        self.status = status
        self.detail = detail
    }
}
