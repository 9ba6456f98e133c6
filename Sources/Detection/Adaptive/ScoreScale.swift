/// The scale that all views share: each is made so that its tested threshold comes out as 8.
package enum ScoreScale {
    package static let threshold = 8.0
    package static let limit = 1000.0
}
