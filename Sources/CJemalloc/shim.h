// jemalloc replaces malloc by being linked; the service asks it only for its statistics.
#ifndef TIDEMARK_CJEMALLOC_H
#define TIDEMARK_CJEMALLOC_H
#include <jemalloc/jemalloc.h>
#endif
