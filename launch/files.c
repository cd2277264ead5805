/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/files.c: see files.h.
 */
#include "launch/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

struct files {
    int directory; /* relative paths start here */
    int fd[FILES_MAX_OPEN];
    unsigned used; /* handles below it are or were in use */
};

struct files *files_new(const char *directory)
{
    struct files *files = calloc(1, sizeof(*files));

    if (!files)
        return NULL;
    files->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0) {
        free(files);
        return NULL;
    }
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    for (unsigned i = 0; i < files->used; i++)
        if (files->fd[i] >= 0)
            close(files->fd[i]);
    close(files->directory);
    free(files);
}

/* The descriptor of a handle, or -EBADF. */
static int descriptor(const struct files *files, uint32_t handle)
{
    return handle < files->used && files->fd[handle] >= 0 ? files->fd[handle] : -EBADF;
}

static int64_t result_of(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t serve_open(struct files *files, const struct file_request *request, void *answer,
                          size_t *size)
{
    /* What concerns this process is not the guest's: no controlling terminal, no signals, no inheritance. */
    const uint32_t known = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |
                           O_DSYNC | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_TMPFILE | O_LARGEFILE;
    struct stat status;
    unsigned handle = 0;
    int fd;

    if (request->flags & ~(known | O_CLOEXEC | O_NOCTTY))
        return -EINVAL;
    while (handle < files->used && files->fd[handle] >= 0)
        handle++;
    if (handle == FILES_MAX_OPEN)
        return -EMFILE;
    /* A FIFO would be waited for. */
    fd = openat(files->directory, request->path,
                (int)(request->flags & known) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, request->mode);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
        close(fd);
        return -ENXIO;
    }
    files->fd[handle] = fd;
    if (handle == files->used)
        files->used++;
    memcpy(answer, &status, sizeof(status));
    *size = sizeof(status);
    return handle;
}

static int64_t serve_close(struct files *files, const struct file_request *request)
{
    int fd = descriptor(files, request->handle);

    if (fd < 0)
        return fd;
    files->fd[request->handle] = -1;
    return result_of(close(fd)); /* which may tell of a write that failed late */
}

static int64_t serve_read(int fd, const struct file_request *request, char *answer, size_t *size)
{
    size_t length = request->length < FILES_MAX_DATA ? request->length : FILES_MAX_DATA;
    ssize_t got;

    do
        got = request->offset == -1 ? read(fd, answer, length)
                                    : pread(fd, answer, length, request->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    *size = (size_t)got;
    return got;
}

static int64_t serve_write(int fd, const struct file_request *request)
{
    const char *bytes = request->data;
    size_t done = 0;

    while (done < request->data_size) {
        ssize_t written = request->offset == -1
                              ? write(fd, bytes + done, request->data_size - done)
                              : pwrite(fd, bytes + done, request->data_size - done,
                                       request->offset + (int64_t)done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        done += (size_t)written;
    }
    return (int64_t)done;
}

static int64_t serve_list(int fd, const struct file_request *request, void *answer, size_t *size)
{
    size_t length = request->length < FILES_MAX_DATA ? request->length : FILES_MAX_DATA;
    long got = syscall(SYS_getdents64, fd, answer, length);

    if (got < 0)
        return -errno;
    *size = (size_t)got;
    return got;
}

static int64_t serve_lock(int fd, const struct file_request *request, void *answer, size_t *size)
{
    struct flock lock;

    if (request->data_size != sizeof(lock) ||
        (request->flags != F_GETLK && request->flags != F_SETLK && request->flags != F_SETLKW))
        return -EINVAL;
    memcpy(&lock, request->data, sizeof(lock));
    /* Waiting is the guest's part: this process has other things to do. */
    if (fcntl(fd, request->flags == F_GETLK ? F_GETLK : F_SETLK, &lock) < 0)
        return errno == EACCES ? -EAGAIN : -errno;
    memcpy(answer, &lock, sizeof(lock));
    *size = sizeof(lock);
    return 0;
}

static int64_t serve_flock(int fd, const struct file_request *request)
{
    int operation = (int)request->flags & ~LOCK_NB;

    if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
        return -EINVAL;
    return result_of(flock(fd, operation | LOCK_NB));
}

static int64_t serve_times(struct files *files, int fd, const struct file_request *request)
{
    struct timespec times[2];

    if (request->data_size != sizeof(times) || request->flags & ~(uint32_t)AT_SYMLINK_NOFOLLOW)
        return -EINVAL;
    memcpy(times, request->data, sizeof(times));
    return result_of(request->path
                         ? utimensat(files->directory, request->path, times, (int)request->flags)
                         : futimens(fd, times));
}

static int64_t serve_statfs(struct files *files, int fd, const struct file_request *request,
                            void *answer, size_t *size)
{
    int at = fd, result;

    if (request->path) {
        at = openat(files->directory, request->path, O_PATH | O_CLOEXEC);
        if (at < 0)
            return -errno;
    }
    result = fstatfs(at, answer) < 0 ? -errno : 0;
    if (at != fd)
        close(at);
    if (result == 0)
        *size = sizeof(struct statfs);
    return result;
}

static int64_t serve_truncate(struct files *files, int fd, const struct file_request *request)
{
    int64_t result;

    if (!request->path)
        return result_of(ftruncate(fd, request->offset));
    fd = openat(files->directory, request->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? -EINVAL : -errno;
    result = result_of(ftruncate(fd, request->offset));
    close(fd);
    return result;
}

static int64_t serve_mode(struct files *files, int fd, const struct file_request *request)
{
    mode_t mode = request->mode & 07777;

    return result_of(request->path ? fchmodat(files->directory, request->path, mode, 0)
                                   : fchmod(fd, mode));
}

static int64_t serve_owner(struct files *files, int fd, const struct file_request *request)
{
    uid_t user = request->mode;
    gid_t group = (gid_t)request->length;

    return result_of(request->path ? fchownat(files->directory, request->path, user, group,
                                              (int)(request->flags & AT_SYMLINK_NOFOLLOW))
                                   : fchown(fd, user, group));
}

static int64_t serve_stat(struct files *files, int fd, const struct file_request *request,
                          void *answer, size_t *size)
{
    int result;

    if (request->flags & ~(uint32_t)AT_SYMLINK_NOFOLLOW)
        return -EINVAL;
    result = request->path ? fstatat(files->directory, request->path, answer, (int)request->flags)
                           : fstat(fd, answer);
    if (result == 0)
        *size = sizeof(struct stat);
    return result_of(result);
}

static int64_t serve_readlink(struct files *files, const struct file_request *request, char *answer,
                              size_t *size)
{
    size_t length = request->length < FILES_MAX_DATA ? request->length : FILES_MAX_DATA;
    ssize_t got = readlinkat(files->directory, request->path, answer, length);

    if (got < 0)
        return -errno;
    *size = (size_t)got;
    return got;
}

/* What each operation wants of a request. */
enum wants { PATH = 1, HANDLE = 2, EITHER = 4, SECOND = 8 };

static const uint8_t wanted[FILE_OPERATIONS] = {
    [FILE_OPEN] = PATH,          [FILE_CLOSE] = HANDLE,
    [FILE_READ] = HANDLE,        [FILE_WRITE] = HANDLE,
    [FILE_SEEK] = HANDLE,        [FILE_STAT] = EITHER,
    [FILE_STATFS] = EITHER,      [FILE_TRUNCATE] = EITHER,
    [FILE_ALLOCATE] = HANDLE,    [FILE_SYNC] = HANDLE,
    [FILE_LIST] = HANDLE,        [FILE_LOCK] = HANDLE,
    [FILE_FLOCK] = HANDLE,       [FILE_ACCESS] = PATH,
    [FILE_MODE] = EITHER,        [FILE_OWNER] = EITHER,
    [FILE_TIMES] = EITHER,       [FILE_UNLINK] = PATH,
    [FILE_MKDIR] = PATH,         [FILE_RENAME] = PATH | SECOND,
    [FILE_LINK] = PATH | SECOND, [FILE_SYMLINK] = PATH | SECOND,
    [FILE_READLINK] = PATH,
};

int64_t files_serve(struct files *files, const struct file_request *request, void *answer,
                    size_t *size)
{
    int at = files->directory, fd = -1;
    unsigned wants = request->operation < FILE_OPERATIONS ? wanted[request->operation] : 0;

    *size = 0;
    if (wants == 0)
        return -ENOSYS;
    if ((wants & PATH && !request->path) || (wants & SECOND && !request->second))
        return -EFAULT;
    if (wants & HANDLE || (wants & EITHER && !request->path)) {
        fd = descriptor(files, request->handle);
        if (fd < 0)
            return fd;
    }
    switch (request->operation) {
    case FILE_OPEN:
        return serve_open(files, request, answer, size);
    case FILE_CLOSE:
        return serve_close(files, request);
    case FILE_READ:
        return serve_read(fd, request, answer, size);
    case FILE_WRITE:
        return serve_write(fd, request);
    case FILE_SEEK:
        return result_of(lseek(fd, request->offset, (int)request->flags));
    case FILE_STAT:
        return serve_stat(files, fd, request, answer, size);
    case FILE_STATFS:
        return serve_statfs(files, fd, request, answer, size);
    case FILE_TRUNCATE:
        return serve_truncate(files, fd, request);
    case FILE_ALLOCATE:
        return result_of(
            fallocate(fd, (int)request->flags, request->offset, (int64_t)request->length));
    case FILE_SYNC:
        return result_of(request->flags & 1 ? fdatasync(fd) : fsync(fd));
    case FILE_LIST:
        return serve_list(fd, request, answer, size);
    case FILE_LOCK:
        return serve_lock(fd, request, answer, size);
    case FILE_FLOCK:
        return serve_flock(fd, request);
    case FILE_ACCESS:
        return result_of(faccessat(at, request->path, (int)(request->mode & 7), 0));
    case FILE_MODE:
        return serve_mode(files, fd, request);
    case FILE_OWNER:
        return serve_owner(files, fd, request);
    case FILE_TIMES:
        return serve_times(files, fd, request);
    case FILE_UNLINK:
        return result_of(unlinkat(at, request->path, (int)(request->flags & AT_REMOVEDIR)));
    case FILE_MKDIR:
        return result_of(mkdirat(at, request->path, request->mode & 07777));
    case FILE_RENAME:
        return result_of(renameat2(at, request->path, at, request->second, request->flags));
    case FILE_LINK:
        return result_of(linkat(at, request->path, at, request->second,
                                (int)(request->flags & AT_SYMLINK_FOLLOW)));
    case FILE_SYMLINK:
        return result_of(symlinkat(request->path, at, request->second));
    case FILE_READLINK:
        return serve_readlink(files, request, answer, size);
    }
    return -ENOSYS;
}
