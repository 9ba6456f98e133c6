// libzstd. Only Compression imports it, and links its archive.
#ifndef TIDEMARK_CZSTD_H
#define TIDEMARK_CZSTD_H
#include <zstd.h>
#endif
