// One instruction each. The language's own square root may call the C library, which wants to set errno
// for a negative number; for that every value in a register is saved first, each time.
#ifndef TIDEMARK_CARITHMETIC_H
#define TIDEMARK_CARITHMETIC_H

typedef double tm_pair __attribute__((ext_vector_type(2)));

// NaN for a negative number; rounded correctly, as IEEE 754 demands, so the same bits everywhere.
static inline double tm_square_root(double x) { return __builtin_elementwise_sqrt(x); }
static inline tm_pair tm_square_roots(tm_pair x) { return __builtin_elementwise_sqrt(x); }

static inline tm_pair tm_magnitudes(tm_pair x) { return __builtin_elementwise_abs(x); }

// Whether both of the first are at least those of the second.
static inline _Bool tm_both_reach(tm_pair x, tm_pair y) { return __builtin_reduce_and(x >= y) != 0; }

#endif
