// SQLite. Only Store imports it, and links its archive, so that nothing has to be installed beside
// the program.
#ifndef TIDEMARK_CSQLITE_H
#define TIDEMARK_CSQLITE_H
#include <sqlite3.h>

// Swift cannot import the macro for a destructor that means: copy the bytes.
static inline int tm_bind_copy(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}
#endif
