// Functions that Glibc's Swift module lacks (epoll, accept4, eventfd, signalfd), and the few macros
// that Swift cannot import. These wrappers contain no logic.
#ifndef TIDEMARK_CLINUX_H
#define TIDEMARK_CLINUX_H

// Without _GNU_SOURCE, so that these headers declare the same as in the toolchain's own module of
// the C library. The few functions that need it are declared below.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// These pass socket addresses as untyped memory, because the C library has several types for them.
static inline int tm_bind(int fd, const void *address, socklen_t length) {
    return bind(fd, (const struct sockaddr *)address, length);
}
static inline int tm_connect(int fd, const void *address, socklen_t length) {
    return connect(fd, (const struct sockaddr *)address, length);
}
static inline int tm_local_address(int fd, void *address, socklen_t *length) {
    return getsockname(fd, (struct sockaddr *)address, length);
}
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int sched_getaffinity(pid_t, size_t, void *);
static inline int tm_accept(int fd, void *address, socklen_t *length) {
    return accept4(fd, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// epoll_pwait2 waits for nanoseconds, epoll_wait for milliseconds; since Linux 5.11.
extern int epoll_pwait2(int, struct epoll_event *, int, const struct timespec *,
                        const sigset_t *);

// SIG_IGN is a macro with a cast, which Swift cannot import.
static inline void tm_ignore_signal(int number) { signal(number, SIG_IGN); }

// Swift does not import variadic functions such as open.
static inline int tm_open_lock(const char *path) {
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}
static inline int tm_open_to_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }
static inline int tm_open_to_write(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

// Variadic too. Programs that are started do not get this descriptor.
static inline int tm_close_on_start(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

// Swift takes the list of environment variables for a shared variable of its own.
extern char **environ;
static inline char **tm_environment(void) { return environ; }

// Sets how many nanoseconds late the kernel may fire the timers of this thread; the default is
// 50,000.
static inline int tm_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

// Gives this thread less of the processors than the process' others. On Linux a thread has a
// priority of its own.
static inline void tm_lower_priority(void) {
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 5);
}

// errno is a macro, which Swift cannot import from this header.
static inline int tm_errno(void) { return errno; }

static inline uint64_t tm_event_token(const struct epoll_event *event) {
    uint64_t token;
    memcpy(&token, (const char *)event + offsetof(struct epoll_event, data), sizeof token);
    return token;
}

static inline int tm_epoll_control(int epoll, int operation, int fd, uint32_t events,
                                   uint64_t token) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, fd, &event);
}

#endif
