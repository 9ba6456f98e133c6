// What Glibc's Swift module leaves out: epoll, accept4, eventfd, signalfd, and the few
// macros that Swift cannot import. Nothing here decides anything.
#ifndef TIDEMARK_CLINUX_H
#define TIDEMARK_CLINUX_H

// Without _GNU_SOURCE, so that these headers mean the same here as in the toolchain's own module of
// the C library; the few functions that need it are declared by hand.
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
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Socket addresses are passed as plain memory, whatever type the C library gives them.
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

// epoll_pwait2 takes nanoseconds where epoll_wait has milliseconds; Linux 5.11 and later.
extern int epoll_pwait2(int, struct epoll_event *, int, const struct timespec *,
                        const sigset_t *);

// SIG_IGN is a cast that Swift cannot import.
static inline void tm_ignore_signal(int number) { signal(number, SIG_IGN); }

// Swift imports no variadic functions.
static inline int tm_open_to_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }
static inline int tm_open_to_write(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

// The kernel may let a thread's timers fire that many nanoseconds late, 50,000 unless told otherwise.
static inline int tm_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

// errno is a macro over a thread-local; a function keeps it one plain call away from Swift.
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
