/* System calls on files that fail where they are told to: preloaded into a program, it counts what the program asks of files between a look at
 * /faults-begin and one at /faults-end, and fails the k-th of these calls.
 *
 * FAULT_AT       which call, counted from 1; none fails without it
 * FAULT_ERRNO    the error it gives; 0 for a write that writes half
 * FAULT_COUNTS   a file that gets a line for each call, its name
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int active, count;
static FILE *told;

/* Whether this call is the one; errno is set then. */
static int fails(const char *name, int may_be_short) {
    if (!active) return 0;
    count++;
    if (told) fprintf(told, "%s\n", name);
    const char *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERRNO");
    if (!at || atoi(at) != count) return 0;
    errno = error ? atoi(error) : EIO;
    return errno != 0 || may_be_short;
}

#define REAL(type, name, ...)                                                                                                           \
    static type (*real)(__VA_ARGS__);                                                                                                    \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int marker(const char *path) {
    /* Rust's library asks whether there is a statx with an address that is none. */
    if ((size_t)path < 4096) return 0;
    if (!strcmp(path, "/faults-begin")) {
        const char *counts = getenv("FAULT_COUNTS");
        if (counts) told = fopen(counts, "w");
        active = 1;
        return 1;
    }
    if (!strcmp(path, "/faults-end")) {
        active = 0;
        if (told) fclose(told), told = NULL;
        return 1;
    }
    return 0;
}

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *buffer) {
    REAL(int, statx, int, const char *, int, unsigned, struct statx *);
    if (!marker(path) && fails("statx", 0)) return -1;
    return real(folder, path, flags, mask, buffer);
}
int open64(const char *path, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return fails("open", 0) ? -1 : real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    REAL(int, open, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return fails("open", 0) ? -1 : real(path, flags, mode);
}
ssize_t write(int file, const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (!fails("write", 1)) return real(file, bytes, length);
    return errno ? -1 : real(file, bytes, (length + 1) / 2);
}
ssize_t writev(int file, const struct iovec *parts, int how_many) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (!fails("writev", 1)) return real(file, parts, how_many);
    return errno ? -1 : real(file, parts, 1);
}
char *realpath(const char *path, char *resolved) {
    REAL(char *, realpath, const char *, char *);
    return fails("realpath", 0) ? NULL : real(path, resolved);
}
DIR *opendir(const char *path) {
    REAL(DIR *, opendir, const char *);
    return fails("opendir", 0) ? NULL : real(path);
}
struct dirent64 *readdir64(DIR *folder) {
    REAL(struct dirent64 *, readdir64, DIR *);
    return fails("readdir", 0) ? NULL : real(folder);
}

#define INTEGER(name, arguments, values, ...)                                                                                           \
    int name arguments {                                                                                                                 \
        REAL(int, name, __VA_ARGS__);                                                                                                    \
        return fails(#name, 0) ? -1 : real values;                                                                                       \
    }
INTEGER(fsync, (int file), (file), int)
INTEGER(fdatasync, (int file), (file), int)
INTEGER(ftruncate64, (int file, off64_t length), (file, length), int, off64_t)
INTEGER(fchmod, (int file, mode_t mode), (file, mode), int, mode_t)
INTEGER(chmod, (const char *path, mode_t mode), (path, mode), const char *, mode_t)
INTEGER(flock, (int file, int how), (file, how), int, int)
INTEGER(rename, (const char *from, const char *to), (from, to), const char *, const char *)
INTEGER(link, (const char *from, const char *to), (from, to), const char *, const char *)
INTEGER(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), int, const char *, int, const char *, int)
INTEGER(unlink, (const char *path), (path), const char *)
INTEGER(unlinkat, (int folder, const char *path, int flags), (folder, path, flags), int, const char *, int)
INTEGER(fstat64, (int file, struct stat64 *buffer), (file, buffer), int, struct stat64 *)
INTEGER(lstat64, (const char *path, struct stat64 *buffer), (path, buffer), const char *, struct stat64 *)
/* A file that is closed with an error is closed. */
int close(int file) {
    REAL(int, close, int);
    int closed = real(file);
    return fails("close", 0) ? -1 : closed;
}
