// jemalloc replaces malloc by being linked; the service asks it only for its statistics.
#ifndef TIDEMARK_CJEMALLOC_H
#define TIDEMARK_CJEMALLOC_H
#include <stddef.h>

// As jemalloc/jemalloc.h declares it; that header brings half of the C library along.
extern int mallctl(const char *name, void *old, size_t *old_length, void *fresh,
                   size_t fresh_length);
#endif
