/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/initrd.c: see initrd.h. The format: cpio(5), "New ASCII Format".
 */
#include "launch/initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/string_list.h"

enum {
    PAGE = 4096,
    HEADER = 110,
    MAX_LINKS = 40, /* on one path, as Linux has it */
    CHUNK = 1 << 20,
};

struct member {
    char *path; /* without the first slash */
    mode_t mode;
    uint32_t modified;
    uint64_t size;
    char *bytes; /* contents, or a link's target; NULL: those of the file at /path */
    struct member *next;
};

struct initrd {
    struct member *members; /* parents before what is in them */
    struct member **end;
};

struct initrd *initrd_new(void)
{
    struct initrd *initrd = memory_zeroed(1, sizeof(*initrd));

    initrd->end = &initrd->members;
    return initrd;
}

void initrd_free(struct initrd *initrd)
{
    while (initrd && initrd->members) {
        struct member *member = initrd->members;

        initrd->members = member->next;
        free(member->path);
        free(member->bytes);
        free(member);
    }
    free(initrd);
}

static const struct member *find(const struct initrd *initrd, const char *path)
{
    for (const struct member *member = initrd->members; member; member = member->next)
        if (strcmp(member->path, path) == 0)
            return member;
    return NULL;
}

static struct member *add(struct initrd *initrd, const char *path, mode_t mode)
{
    struct member *member = memory_zeroed(1, sizeof(*member));

    member->path = text_copy(path);
    member->mode = mode;
    *initrd->end = member;
    initrd->end = &member->next;
    return member;
}

/* One name, of which all parents are there already and no part is a link. Its target, where it is one itself. */
static int add_name(struct initrd *initrd, const char *path, char target[PATH_MAX])
{
    char *name = text_format("/%s", path);
    struct stat status;
    ssize_t length = 0;
    int result = lstat(name, &status) < 0 ? -errno : 0;

    target[0] = '\0';
    if (result == 0 && S_ISLNK(status.st_mode)) {
        length = readlink(name, target, PATH_MAX - 1);
        result = length <= 0 ? -errno : 0;
        if (length > 0)
            target[length] = '\0';
    }
    if (result == 0 && !find(initrd, path)) {
        if (S_ISREG(status.st_mode) && status.st_size > UINT32_MAX) {
            result = -EFBIG;
        } else if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
                   !S_ISLNK(status.st_mode)) {
            result = -EINVAL; /* devices are the guest kernel's own */
        } else {
            struct member *member = add(initrd, path, status.st_mode);

            member->modified = (uint32_t)status.st_mtime;
            if (S_ISREG(status.st_mode))
                member->size = (uint64_t)status.st_size;
            if (S_ISLNK(status.st_mode)) {
                member->bytes = text_copy(target);
                member->size = (uint64_t)length;
            }
        }
    }
    free(name);
    return result;
}

int initrd_add(struct initrd *initrd, const char *path)
{
    char *rest = text_copy(path); /* still to be walked */
    char *done = text_copy("");   /* walked: real directories */
    char target[PATH_MAX];
    unsigned links = 0;
    int result = 0;

    if (*path != '/')
        result = -EINVAL;
    for (;;) {
        char *at = rest + strspn(rest, "/");
        size_t length = strcspn(at, "/");

        if (result < 0 || length == 0)
            break;
        if (length == 1 && at[0] == '.') {
            memmove(rest, at + length, strlen(at + length) + 1);
            continue;
        }
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            char *slash = strrchr(done, '/');

            *(slash ? slash : done) = '\0';
            memmove(rest, at + length, strlen(at + length) + 1);
            continue;
        }

        char *name = text_format("%s%s%.*s", done, *done ? "/" : "", (int)length, at);
        char *behind = text_copy(at + length);

        free(rest);
        rest = behind;
        result = add_name(initrd, name, target);
        if (result == 0 && *target) {
            char *longer = text_format("%s%s", target, rest);

            if (++links > MAX_LINKS)
                result = -ELOOP;
            if (*target == '/')
                *done = '\0';
            free(rest);
            rest = longer;
            free(name);
        } else {
            free(done);
            done = name;
        }
    }
    free(done);
    free(rest);
    return result;
}

int initrd_add_bytes(struct initrd *initrd, const char *path, const void *bytes, size_t size,
                     mode_t mode)
{
    struct member *member;

    path += strspn(path, "/");
    if (find(initrd, path))
        return -EEXIST;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *directory = text_format("%.*s", (int)(slash - path), path);

        if (!find(initrd, directory))
            add(initrd, directory, S_IFDIR | 0755);
        free(directory);
    }
    member = add(initrd, path, S_IFREG | (mode & 07777));
    member->bytes = memory_zeroed(size + 1, 1);
    memcpy(member->bytes, bytes, size);
    member->size = size;
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------- */

struct writer {
    int fd;
    uint64_t at;
};

static int put(struct writer *writer, const void *bytes, size_t size)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t written = write(writer->fd, from, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        from += written;
        size -= (size_t)written;
        writer->at += (uint64_t)written;
    }
    return 0;
}

static int put_zeros(struct writer *writer, size_t size)
{
    static const char zeros[PAGE];

    return put(writer, zeros, size);
}

static int put_head(struct writer *writer, uint32_t number, const char *name, mode_t mode,
                    uint32_t modified, uint64_t size, size_t padding)
{
    char header[HEADER + 1];
    size_t length = strlen(name) + 1;
    int result;

    snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             number, (unsigned)mode, 0, 0, 1, modified, (uint32_t)size, 0, 0, 0, 0,
             (uint32_t)(length + padding), 0);
    result = put(writer, header, HEADER);
    if (result == 0)
        result = put(writer, name, length);
    if (result == 0)
        result = put_zeros(writer, padding);
    return result ? result : put_zeros(writer, -writer->at & 3);
}

static int put_file(struct writer *writer, const struct member *member)
{
    char *name = text_format("/%s", member->path);
    int fd = open(name, O_RDONLY | O_CLOEXEC), result = fd < 0 ? -errno : 0;
    char *chunk = memory_zeroed(1, CHUNK);
    uint64_t left = member->size;

    free(name);
    while (result == 0 && left > 0) {
        ssize_t got = read(fd, chunk, left < CHUNK ? left : CHUNK);

        if (got <= 0)
            result = got < 0 ? -errno : -EAGAIN;
        else
            result = put(writer, chunk, (size_t)got);
        left -= got > 0 ? (uint64_t)got : 0;
    }
    /* A program that is being linked again just now would be packed half. */
    if (result == 0 && read(fd, chunk, 1) != 0)
        result = -EAGAIN;
    if (fd >= 0)
        close(fd);
    free(chunk);
    return result;
}

static int put_member(struct writer *writer, uint32_t number, const struct member *member)
{
    size_t padding = 0;
    int result;

    if (S_ISREG(member->mode) && member->size > 0)
        padding = -(writer->at + HEADER + strlen(member->path) + 1) & (PAGE - 1);
    result = put_head(writer, number, member->path, member->mode, member->modified, member->size,
                      padding);
    if (result == 0)
        result = member->bytes || !S_ISREG(member->mode) ? put(writer, member->bytes, member->size)
                                                         : put_file(writer, member);
    return result ? result : put_zeros(writer, -writer->at & 3);
}

int64_t initrd_write(const struct initrd *initrd, int fd, char *error, size_t error_size)
{
    struct writer writer = {.fd = fd};
    uint32_t number = 1;
    int result = 0;

    for (const struct member *member = initrd->members; member && result == 0;
         member = member->next) {
        result = put_member(&writer, number++, member);
        if (result < 0)
            snprintf(error, error_size, "/%s: %s", member->path,
                     result == -EAGAIN ? "it has changed while it was packed" : strerror(-result));
    }
    if (result == 0) {
        result = put_head(&writer, 0, "TRAILER!!!", 0, 0, 0, 0);
        if (result < 0)
            snprintf(error, error_size, "the initrd: %s", strerror(-result));
    }
    return result < 0 ? result : (int64_t)writer.at;
}
