/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/files.h: the files of this host, for the guest of one rank.
 *
 * A guest asks, and what it asks is done by this process, with this process's rights and umask: those of the user who
 * called mpirun. A handle is a file descriptor of this process that the guest knows by a number; record locks are this process's,
 * which serves one rank, so they mean what they mean between processes.
 *
 * Files and directories are served, nothing else: a device or a FIFO could keep the keeper waiting (and a guest has /dev/null and
 * the like itself).
 */
#ifndef CARAVAN_FILES_H
#define CARAVAN_FILES_H

#include <stddef.h>
#include <stdint.h>

enum {
    FILES_MAX_OPEN = 4096,
    FILES_MAX_DATA = 64 << 10, /* of one read, write, or listing */
};

/* Numbers, structures and flags are those of Linux on x86-64, whose system calls the guest serves. */
enum file_operation {
    FILE_OPEN = 1, /* path, flags, mode -> handle */
    FILE_CLOSE,    /* handle */
    FILE_READ,     /* handle, length; offset, or -1: where the file is -> bytes */
    FILE_WRITE,    /* handle, data; offset, or -1. All of it, or an error */
    FILE_SEEK,     /* handle, offset, flags: SEEK_SET, ... -> offset */
    FILE_STAT,     /* path (or handle, without one), flags: AT_SYMLINK_NOFOLLOW -> struct stat */
    FILE_STATFS,   /* path or handle -> struct statfs */
    FILE_TRUNCATE, /* path or handle, offset: the new length */
    FILE_ALLOCATE, /* handle, flags, offset, length: fallocate */
    FILE_SYNC,     /* handle; flags 1: the data alone */
    FILE_LIST,     /* handle, length -> struct linux_dirent64 ...; no bytes: the end */
    FILE_LOCK, /* handle, flags: F_GETLK or F_SETLK, data: struct flock -> struct flock. F_SETLKW: -EAGAIN, ask again */
    FILE_FLOCK,    /* handle, flags: LOCK_SH, ... always as with LOCK_NB */
    FILE_ACCESS,   /* path, mode */
    FILE_MODE,     /* path or handle, mode: chmod */
    FILE_TIMES,    /* path or handle, flags, data: two struct timespec */
    FILE_UNLINK,   /* path, flags: AT_REMOVEDIR */
    FILE_MKDIR,    /* path, mode */
    FILE_RENAME,   /* path, second, flags as renameat2 */
    FILE_LINK,     /* path, second */
    FILE_SYMLINK,  /* path: what it leads to; second: the link */
    FILE_READLINK, /* path, length -> bytes */
    FILE_OPERATIONS,
};

struct file_request {
    uint32_t operation;
    uint32_t handle;
    uint32_t flags;
    uint32_t mode;
    int64_t offset;
    uint64_t length;
    const char *path;   /* NULL: none */
    const char *second; /* NULL: none */
    const void *data;
    size_t data_size;
};

struct files;

/* Relative paths start in `directory`. NULL and errno. */
struct files *files_new(const char *directory);
void files_free(struct files *files);

/* Do what is asked. The result, or a negative errno; what belongs to it is in `answer`, which has room for FILES_MAX_DATA bytes,
 * and its length in `size`. Nothing in a request is trusted. */
int64_t files_serve(struct files *files, const struct file_request *request, void *answer,
                    size_t *size);

#endif
