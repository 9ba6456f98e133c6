internal import CArithmetic

// One instruction each. The standard library's `max` and `min` promise which of two equal zeros
// they return, and that takes several.

@inline(__always)
func larger(_ left: Double, _ right: Double) -> Double { left > right ? left : right }

@inline(__always)
func smaller(_ left: Double, _ right: Double) -> Double { left < right ? left : right }

@inline(__always)
func larger(_ left: Float, _ right: Float) -> Float { left > right ? left : right }

@inline(__always)
func smaller(_ left: Float, _ right: Float) -> Float { left < right ? left : right }

/// The larger of each.
@inline(__always)
func larger(_ left: Pair, _ right: Pair) -> Pair {
    Pair(larger(left.x, right.x), larger(left.y, right.y))
}

@inline(__always)
func smaller(_ left: Pair, _ right: Pair) -> Pair {
    Pair(smaller(left.x, right.x), smaller(left.y, right.y))
}

@inline(__always)
func larger(_ left: SIMD4<Float>, _ right: SIMD4<Float>) -> SIMD4<Float> {
    SIMD4(
        larger(left.x, right.x), larger(left.y, right.y), larger(left.z, right.z),
        larger(left.w, right.w))
}

@inline(__always)
func smaller(_ left: SIMD4<Float>, _ right: SIMD4<Float>) -> SIMD4<Float> {
    SIMD4(
        smaller(left.x, right.x), smaller(left.y, right.y), smaller(left.z, right.z),
        smaller(left.w, right.w))
}

/// Without the signs.
@inline(__always)
func magnitude(_ value: SIMD4<Float>) -> SIMD4<Float> {
    SIMD4(value.x.magnitude, value.y.magnitude, value.z.magnitude, value.w.magnitude)
}

/// The square root of a number that is not negative, in one instruction; NaN for others.
@inline(__always)
func squareRoot(_ x: Double) -> Double { tm_square_root(x) }

/// The square roots of two numbers at once.
@inline(__always)
func squareRoot(_ x: Pair) -> Pair { tm_square_roots(x) }

/// Both without their signs.
@inline(__always)
func magnitude(_ x: Pair) -> Pair { tm_magnitudes(x) }

/// Whether both of the first are at least those of the second.
@inline(__always)
func bothReach(_ x: Pair, _ y: Pair) -> Bool { tm_both_reach(x, y) }
