// Operations of one instruction each. Swift's own square root may call the C library, which sets
// errno for a negative number. The compiler then saves all registers before each such call.
#ifndef TIDEMARK_CARITHMETIC_H
#define TIDEMARK_CARITHMETIC_H

typedef double tm_pair __attribute__((ext_vector_type(2)));

// NaN for a negative number. IEEE 754 requires correct rounding, so every machine returns the same
// bits.
static inline double tm_square_root(double x) { return __builtin_elementwise_sqrt(x); }
static inline tm_pair tm_square_roots(tm_pair x) { return __builtin_elementwise_sqrt(x); }

static inline tm_pair tm_magnitudes(tm_pair x) { return __builtin_elementwise_abs(x); }

// Whether both elements of x are at least those of y.
static inline _Bool tm_both_reach(tm_pair x, tm_pair y) {
    return __builtin_reduce_and(x >= y) != 0;
}

#endif
