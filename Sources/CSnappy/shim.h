// libsnappy. Only Compression imports it, and links its archive.
#ifndef TIDEMARK_CSNAPPY_H
#define TIDEMARK_CSNAPPY_H
#include <snappy-c.h>
#endif
