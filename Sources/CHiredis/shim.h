// libhiredis' parser of replies. Only Redis imports it.
#ifndef TIDEMARK_CHIREDIS_H
#define TIDEMARK_CHIREDIS_H
#include <hiredis/hiredis.h>
#endif
