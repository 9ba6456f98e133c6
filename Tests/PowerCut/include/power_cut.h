// A file layer of SQLite that keeps a record of what is written, cut and synced, so that a test can
// make any file that a power cut could have left.
#ifndef TIDEMARK_POWER_CUT_H
#define TIDEMARK_POWER_CUT_H
#include <stdint.h>

enum pc_kind { pc_write, pc_truncate, pc_sync, pc_delete };

typedef struct {
    enum pc_kind kind;
    // 0: the database; 1: what is written ahead of it; 2: its rollback journal.
    int file;
    // Of a write; the size after a cut.
    int64_t offset;
    int count;
    // Of a write; they belong to the record.
    const uint8_t *bytes;
} pc_operation;

// Puts the layer below every database that is opened from now on. Only the first call has an effect.
int pc_install(void);

// Begins a record of the database of this path; there is one record at a time.
void pc_begin(const char *path);

// Operations so far.
int64_t pc_count(void);

pc_operation pc_at(int64_t index);

// Ends the record and frees it.
void pc_end(void);
#endif
