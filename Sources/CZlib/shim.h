// zlib. Only Compression imports it, and links its archive.
#ifndef TIDEMARK_CZLIB_H
#define TIDEMARK_CZLIB_H
#include <zlib.h>

// A macro with the size of the structure, which Swift cannot import.
static inline int tm_inflate_init(z_streamp stream, int window_bits) {
    return inflateInit2(stream, window_bits);
}
#endif
