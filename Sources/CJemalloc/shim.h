// Linking jemalloc replaces malloc. The service itself calls it only to read its statistics.
#ifndef TIDEMARK_CJEMALLOC_H
#define TIDEMARK_CJEMALLOC_H
#include <stddef.h>

// Declared as in jemalloc/jemalloc.h, which would import large parts of the C library.
extern int mallctl(const char *name, void *old, size_t *old_length, void *fresh,
                   size_t fresh_length);
#endif
