#include "power_cut.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

// One of ours, with the file of the layer below behind it.
typedef struct {
    sqlite3_file base;
    // -1: not recorded.
    int file;
} pc_file;

static sqlite3_vfs *below;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *recorded;
static pc_operation *operations;
static int64_t count, room;

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((pc_file *)file + 1); }

static void note_number(int number, enum pc_kind kind, int64_t offset, const void *bytes, int size) {
    if (number < 0) return;
    pthread_mutex_lock(&lock);
    if (recorded) {
        if (count == room) {
            room = room ? 2 * room : 1024;
            operations = realloc(operations, (size_t)room * sizeof *operations);
            if (!operations) abort();
        }
        uint8_t *copy = NULL;
        if (size) {
            copy = malloc((size_t)size);
            if (!copy) abort();
            memcpy(copy, bytes, (size_t)size);
        }
        operations[count++] = (pc_operation){kind, number, offset, size, copy};
    }
    pthread_mutex_unlock(&lock);
}

static void note(sqlite3_file *file, enum pc_kind kind, int64_t offset, const void *bytes, int size) {
    note_number(((pc_file *)file)->file, kind, offset, bytes, size);
}

// A write is in the record before it is on its way, a sync after it has come back.
static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
    note(file, pc_write, offset, bytes, size);
    return real(file)->pMethods->xWrite(real(file), bytes, size, offset);
}
static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    note(file, pc_truncate, size, NULL, 0);
    return real(file)->pMethods->xTruncate(real(file), size);
}
static int file_sync(sqlite3_file *file, int flags) {
    int code = real(file)->pMethods->xSync(real(file), flags);
    if (code == SQLITE_OK) note(file, pc_sync, 0, NULL, 0);
    return code;
}
static int file_close(sqlite3_file *file) {
    return real(file)->pMethods->xClose(real(file));
}
static int file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), bytes, size, offset);
}
static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int file_lock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
}
static int file_unlock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
}
static int file_is_reserved(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int file_sector(sqlite3_file *file) {
    return real(file)->pMethods->xSectorSize(real(file));
}
static int file_traits(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
static int file_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
static int file_shared_lock(sqlite3_file *file, int offset, int number, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, number, flags);
}
static void file_barrier(sqlite3_file *file) {
    real(file)->pMethods->xShmBarrier(real(file));
}
static int file_unmap(sqlite3_file *file, int deletes) {
    return real(file)->pMethods->xShmUnmap(real(file), deletes);
}

// Version 2: without the methods that map the file, which nobody uses here.
static const sqlite3_io_methods methods = {
    2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock,
    file_unlock, file_is_reserved, file_control, file_sector, file_traits, file_map,
    file_shared_lock, file_barrier, file_unmap, NULL, NULL,
};

static int number_of(const char *name, int flags) {
    if (!name) return -1;
    int number = -1;
    pthread_mutex_lock(&lock);
    if (recorded && flags & SQLITE_OPEN_MAIN_DB && strcmp(name, recorded) == 0) number = 0;
    size_t size = recorded ? strlen(recorded) : 0;
    if (recorded && flags & SQLITE_OPEN_WAL && strncmp(name, recorded, size) == 0
        && strcmp(name + size, "-wal") == 0)
        number = 1;
    if (recorded && flags & SQLITE_OPEN_MAIN_JOURNAL && strncmp(name, recorded, size) == 0
        && strcmp(name + size, "-journal") == 0)
        number = 2;
    pthread_mutex_unlock(&lock);
    return number;
}

static int layer_delete(sqlite3_vfs *layer, const char *name, int syncs) {
    (void)layer;
    int code = below->xDelete(below, name, syncs);
    if (code == SQLITE_OK)
        note_number(
            number_of(name, SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL), pc_delete, 0, NULL, 0);
    return code;
}

static int layer_open(
    sqlite3_vfs *layer, const char *name, sqlite3_file *file, int flags, int *result) {
    (void)layer;
    ((pc_file *)file)->file = number_of(name, flags);
    int code = below->xOpen(below, name, real(file), flags, result);
    file->pMethods = real(file)->pMethods ? &methods : NULL;
    return code;
}

static sqlite3_vfs layer;

static void install(void) {
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "power-cut";
    layer.szOsFile = (int)sizeof(pc_file) + below->szOsFile;
    layer.xOpen = layer_open;
    layer.xDelete = layer_delete;
    layer.pNext = NULL;
    sqlite3_vfs_register(&layer, 1);
}

int pc_install(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, install);
}

void pc_begin(const char *path) {
    pc_end();
    pthread_mutex_lock(&lock);
    recorded = strdup(path);
    pthread_mutex_unlock(&lock);
}

int64_t pc_count(void) {
    pthread_mutex_lock(&lock);
    int64_t result = count;
    pthread_mutex_unlock(&lock);
    return result;
}

pc_operation pc_at(int64_t index) {
    pthread_mutex_lock(&lock);
    pc_operation result = operations[index];
    pthread_mutex_unlock(&lock);
    return result;
}

void pc_end(void) {
    pthread_mutex_lock(&lock);
    for (int64_t index = 0; index < count; index++) free((void *)operations[index].bytes);
    free(operations);
    free(recorded);
    operations = NULL;
    recorded = NULL;
    count = room = 0;
    pthread_mutex_unlock(&lock);
}
