// libhiredis' asynchronous client. Only SeriesLog imports it.
#ifndef TIDEMARK_CHIREDIS_H
#define TIDEMARK_CHIREDIS_H
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#endif
