/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/linux/host.h"
#include "guest/linux/channel.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/syscall.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/xen/time.h"

#include <linux/fcntl.h>

#define LINKS_MAX 40                  /* as Linux */
#define LOCK_LOOK (TIME_SECOND / 100) /* between two tries for a lock that somebody has */
#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define OPEN_FLAGS                                                                                 \
    (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_SYNC | O_DSYNC | O_DIRECTORY |          \
     O_NOFOLLOW | O_NOATIME | O_TMPFILE)

char host_directory[FILE_PATH_MAX] = "/";

static uint32_t handle_of(const struct file *file)
{
    return (uint32_t)(uintptr_t)file->state;
}

/* Names */

/* The directories at the root that are the guest's own. */
static bool top_is_own(const char *name, size_t length)
{
    static const char *const own[] = {"dev", "proc", "sys"};

    for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
        if (length == strlen(own[i]) && memcmp(name, own[i], length) == 0)
            return true;
    return false;
}

static bool directory_is_own(const struct inode *directory)
{
    const struct inode *top = directory;

    while (top->parent && top->parent != file_root)
        top = top->parent;
    for (const struct entry *entry = file_root->entries; entry; entry = entry->next)
        if (entry->inode == top)
            return top_is_own(entry->name, entry->length);
    return false;
}

/* Whether a name that leads nowhere in the tree would be there: by its first part. */
static bool name_is_own(const char *name)
{
    const char *end;

    while (*name == '/')
        name++;
    for (end = name; *end && *end != '/'; end++)
        ;
    return top_is_own(name, (size_t)(end - name)) && !strstr(end, "/..");
}

int host_name(const char *name, bool follow, bool change, struct path *path)
{
    int error = path_find(file_root, name, follow, path);
    bool own;

    if (error || (!path->parent && !path->inode))
        own = name_is_own(name);
    else if (path->inode && S_ISDIR(path->inode->mode))
        own = directory_is_own(path->inode);
    else
        own = directory_is_own(path->parent);
    if (own)
        return error;
    if (!error && path->inode && !S_ISDIR(path->inode->mode)) {
        if (!change)
            return 0;
        directory_remove(path->parent, directory_entry(path->parent, path->name, path->length));
    }
    *path = (struct path){.host = name};
    return 0;
}

bool host_has(const struct path *path)
{
    return path->host || (path->file && path->file->ops == &host_file_ops);
}

/* Asking */

static long ask_name(unsigned operation, const char *name, unsigned flags, unsigned mode)
{
    struct channel_file request = {.operation = operation, .flags = flags, .mode = mode};

    return channel_ask(&request, name, NULL, 0, NULL, NULL);
}

static long ask_names(unsigned operation, const char *from, const char *to, unsigned flags)
{
    struct channel_file request = {.operation = operation, .flags = flags};

    return channel_ask(&request, from, to, 0, NULL, NULL);
}

/* About what was looked up, by name or by handle. */
static long ask_path(struct channel_file *request, const struct path *path, size_t data_size,
                     const char **answer, size_t *size)
{
    if (!path->host)
        request->handle = handle_of(path->file);
    return channel_ask(request, path->host, NULL, data_size, answer, size);
}

/* The same, for an answer of exactly `size` bytes. */
static long ask_structure(struct channel_file *request, const struct path *path, void *to,
                          size_t size)
{
    const char *answer;
    size_t got;
    long result = ask_path(request, path, 0, &answer, &got);

    if (result < 0)
        return result;
    if (got != size)
        return -EIO;
    memcpy(to, answer, size);
    return 0;
}

long host_stat(const struct path *path, bool follow, struct stat *to)
{
    struct channel_file request = {.operation = FILE_STAT,
                                   .flags = follow ? 0 : AT_SYMLINK_NOFOLLOW};

    return ask_structure(&request, path, to, sizeof *to);
}

long host_statfs(const struct path *path, struct statfs *to)
{
    struct channel_file request = {.operation = FILE_STATFS};

    return ask_structure(&request, path, to, sizeof *to);
}

long host_access(const char *name, int mode)
{
    return ask_name(FILE_ACCESS, name, 0, (unsigned)mode);
}

long host_chmod(const struct path *path, unsigned mode)
{
    struct channel_file request = {.operation = FILE_MODE, .mode = mode};

    return ask_path(&request, path, 0, NULL, NULL);
}

long host_chown(const struct path *path, uint32_t owner, uint32_t group, bool follow)
{
    struct channel_file request = {
        .operation = FILE_OWNER,
        .flags = follow ? 0 : AT_SYMLINK_NOFOLLOW,
        .mode = owner,
        .length = group,
    };

    return ask_path(&request, path, 0, NULL, NULL);
}

long host_utimens(const struct path *path, const struct timespec times[2], bool follow)
{
    struct channel_file request = {.operation = FILE_TIMES,
                                   .flags = follow ? 0 : AT_SYMLINK_NOFOLLOW};

    memcpy(channel_data, times, 2 * sizeof *times);
    return ask_path(&request, path, 2 * sizeof *times, NULL, NULL);
}

long host_truncate(const char *name, uint64_t size)
{
    struct channel_file request = {.operation = FILE_TRUNCATE, .offset = (int64_t)size};

    return channel_ask(&request, name, NULL, 0, NULL, NULL);
}

long host_mkdir(const char *name, unsigned mode)
{
    return ask_name(FILE_MKDIR, name, 0, mode & 01777 & ~process.umask);
}

long host_unlink(const char *name, unsigned flags)
{
    return ask_name(FILE_UNLINK, name, flags, 0);
}

long host_rename(const char *from, const char *to, unsigned flags)
{
    return ask_names(FILE_RENAME, from, to, flags);
}

long host_link(const char *from, const char *to, bool follow)
{
    return ask_names(FILE_LINK, from, to, follow ? AT_SYMLINK_FOLLOW : 0);
}

long host_symlink(const char *target, const char *name)
{
    return ask_names(FILE_SYMLINK, target, name, 0);
}

ssize_t host_readlink(const char *name, char *bytes, size_t size)
{
    struct channel_file request = {.operation = FILE_READLINK, .length = size};
    const char *answer;
    size_t got;
    ssize_t result = channel_ask(&request, name, NULL, 0, &answer, &got);

    if (result < 0)
        return result;
    got = MIN(got, size);
    return user_copy(bytes, answer, got) ? -EFAULT : (ssize_t)got;
}

/* The current directory */

/* Put `target` in front of what is still to be followed, which lies at the end of `rest`. */
static int follow_link(char *rest, char **at, const char *target, size_t length)
{
    if ((size_t)(*at - rest) < length + 1)
        return -ENAMETOOLONG;
    *--*at = '/';
    *at -= length;
    memcpy(*at, target, length);
    return 0;
}

/* `name` without links, "." and "..", into `result`: 0 or a negative errno. */
static int canonical(const char *name, char result[static FILE_PATH_MAX])
{
    static char rest[FILE_PATH_MAX], target[FILE_PATH_MAX];
    char *at = rest + sizeof rest - strlen(name) - 1;
    size_t used = 0;
    unsigned links = 0;

    memcpy(at, name, strlen(name) + 1);
    while (*at) {
        size_t length = 0;
        ssize_t link;

        while (*at == '/')
            at++;
        while (at[length] && at[length] != '/')
            length++;
        if (length == 0 || (length == 1 && *at == '.')) {
            at += length;
            continue;
        }
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            while (used && result[--used] != '/')
                ;
            at += length;
            continue;
        }
        if (used + 1 + length >= FILE_PATH_MAX)
            return -ENAMETOOLONG;
        result[used] = '/';
        memcpy(result + used + 1, at, length);
        result[used + 1 + length] = '\0';
        at += length;
        link = host_readlink(result, target, sizeof target - 1);
        if (link == -EINVAL) { /* it is none */
            used += 1 + length;
            continue;
        }
        if (link < 0)
            return (int)link;
        if (++links > LINKS_MAX)
            return -ELOOP;
        if (link && target[0] == '/')
            used = 0;
        if (follow_link(rest, &at, target, (size_t)link))
            return -ENAMETOOLONG;
    }
    result[used] = '\0';
    if (!used)
        memcpy(result, "/", 2);
    return 0;
}

long host_chdir(const char *name)
{
    static char directory[FILE_PATH_MAX];
    struct path path = {.host = directory};
    struct stat stat;
    long error = canonical(name, directory);

    if (!error)
        error = host_stat(&path, true, &stat);
    if (error)
        return error;
    if (!S_ISDIR(stat.st_mode))
        return -ENOTDIR;
    error = host_access(directory, 1);
    if (!error)
        memcpy(host_directory, directory, strlen(directory) + 1);
    return error;
}

/* Open files */

/* The face of a file: what it is, and, once it is mapped, its pages. */
static struct file *face(const struct stat *stat, unsigned flags, const char *name, uint32_t handle)
{
    struct inode *inode = inode_create(stat->st_mode);
    struct file *file;
    int error;

    if (!inode)
        return NULL;
    inode->number = stat->st_ino;
    inode->size = (uint64_t)stat->st_size;
    inode->ops = &host_file_ops;
    file = file_open(inode, flags, &error);
    if (!file) {
        heap_free(inode);
        return NULL;
    }
    file->state = (void *)(uintptr_t)handle;
    file->path = heap_alloc(strlen(name) + 1);
    if (file->path)
        memcpy(file->path, name, strlen(name) + 1);
    return file;
}

long host_open(const char *name, unsigned flags, unsigned mode)
{
    struct channel_file request = {
        .operation = FILE_OPEN,
        .flags = flags & OPEN_FLAGS,
        .mode = mode & 07777 & ~process.umask,
    };
    const char *answer;
    size_t size;
    struct stat stat;
    struct file *file;
    int64_t handle;
    int descriptor;

    handle = channel_ask(&request, name, NULL, 0, &answer, &size);
    if (handle < 0)
        return handle;
    if (size != sizeof stat)
        return -EIO;
    memcpy(&stat, answer, sizeof stat);
    file = face(&stat, flags, name, (uint32_t)handle);
    if (!file) {
        request = (struct channel_file){.operation = FILE_CLOSE, .handle = (uint32_t)handle};
        channel_ask(&request, NULL, NULL, 0, NULL, NULL);
        return -ENOMEM;
    }
    descriptor = descriptor_install(file, 0, flags & O_CLOEXEC);
    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

static long ask_file(const struct file *file, struct channel_file *request)
{
    request->handle = handle_of(file);
    return channel_ask(request, NULL, NULL, 0, NULL, NULL);
}

static void file_release(struct file *file)
{
    struct channel_file request = {.operation = FILE_CLOSE};

    ask_file(file, &request);
}

static ssize_t file_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;

    if (S_ISDIR(file->inode->mode))
        return -EISDIR;
    while (done < count) {
        struct channel_file request = {
            .operation = FILE_READ,
            .handle = handle_of(file),
            .offset = (int64_t)(offset + done),
            .length = MIN(count - done, (size_t)CHANNEL_FILE_DATA),
        };
        const char *answer;
        size_t got, left;
        ssize_t result = channel_ask(&request, NULL, NULL, 0, &answer, &got);

        if (result < 0)
            return done ? (ssize_t)done : result;
        got = MIN(got, request.length);
        left = user_copy((char *)bytes + done, answer, got);
        done += got - left;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
        if (got < request.length)
            break;
    }
    return (ssize_t)done;
}

/* Every request is whole at the host, or an error. */
static ssize_t file_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;

    while (done < count) {
        struct channel_file request = {
            .operation = FILE_WRITE,
            .handle = handle_of(file),
            .offset = (int64_t)(offset + done),
        };
        size_t part = MIN(count - done, (size_t)CHANNEL_FILE_DATA);
        size_t left = user_copy(channel_data, (const char *)bytes + done, part);
        ssize_t result;

        part -= left;
        result = part ? channel_ask(&request, NULL, NULL, part, NULL, NULL) : -EFAULT;
        if (result < 0)
            return done ? (ssize_t)done : result;
        done += part;
        if (left)
            break;
    }
    return (ssize_t)done;
}

static int64_t file_seek(struct file *file, int64_t offset, int whence)
{
    struct channel_file request = {
        .operation = FILE_SEEK, .flags = (uint32_t)whence, .offset = offset};

    return ask_file(file, &request);
}

static long file_truncate(struct file *file, uint64_t size)
{
    struct channel_file request = {.operation = FILE_TRUNCATE, .offset = (int64_t)size};

    return ask_file(file, &request);
}

static long file_allocate(struct file *file, int mode, int64_t offset, int64_t length)
{
    struct channel_file request = {
        .operation = FILE_ALLOCATE,
        .flags = (uint32_t)mode,
        .offset = offset,
        .length = (uint64_t)length,
    };

    return ask_file(file, &request);
}

static long file_sync(struct file *file, bool data_only)
{
    struct channel_file request = {.operation = FILE_SYNC, .flags = data_only};

    return ask_file(file, &request);
}

static ssize_t file_list(struct file *file, void *records, size_t size)
{
    struct channel_file request = {
        .operation = FILE_LIST,
        .handle = handle_of(file),
        .length = MIN(size, (size_t)CHANNEL_FILE_DATA),
    };
    const char *answer;
    size_t got;
    ssize_t result = channel_ask(&request, NULL, NULL, 0, &answer, &got);

    if (result < 0)
        return result;
    got = MIN(got, request.length);
    return user_write(records, answer, got) ? -EFAULT : (ssize_t)got;
}

/* The keeper does not wait for whoever has a lock: we ask again. */
static long lock_wait(void)
{
    int result = process_wait(NULL, 0, time_now() + LOCK_LOOK);

    return result == -EINTR ? -RESTART_CALL : 0;
}

static long file_lock(struct file *file, int command, struct flock *lock)
{
    for (;;) {
        struct channel_file request = {
            .operation = FILE_LOCK,
            .handle = handle_of(file),
            .flags = (uint32_t)(command == F_GETLK ? F_GETLK : F_SETLK),
        };
        const char *answer;
        size_t size;
        long result;

        memcpy(channel_data, lock, sizeof *lock);
        result = channel_ask(&request, NULL, NULL, sizeof *lock, &answer, &size);
        if (result == 0 && size == sizeof *lock)
            memcpy(lock, answer, sizeof *lock);
        if (result != -EAGAIN || command != F_SETLKW)
            return result;
        result = lock_wait();
        if (result)
            return result;
    }
}

static long file_flock(struct file *file, int operation)
{
    for (;;) {
        struct channel_file request = {.operation = FILE_FLOCK, .flags = (uint32_t)operation};
        long result = ask_file(file, &request);

        if (result != -EAGAIN || operation & LOCK_NB)
            return result;
        result = lock_wait();
        if (result)
            return result;
    }
}

/* Fill the pages of [at, at + length) that are not there yet, from the host, in one request. */
static long pages_read(struct file *file, uint64_t at, uint64_t length)
{
    struct page_tree *pages = &file->inode->pages;
    struct channel_file request = {
        .operation = FILE_READ,
        .handle = handle_of(file),
        .offset = (int64_t)at,
        .length = length,
    };
    const char *answer;
    size_t got;
    uint64_t first = 0;
    ssize_t result;

    while (first < length && page_tree_get(pages, (at + first) >> PAGE_SHIFT))
        first += PAGE_SIZE;
    if (first >= length)
        return 0;
    result = channel_ask(&request, NULL, NULL, 0, &answer, &got);
    if (result < 0)
        return result;
    for (uint64_t done = first; done < length; done += PAGE_SIZE) {
        void **slot = page_tree_slot(pages, (at + done) >> PAGE_SHIFT, true);

        if (slot && *slot)
            continue;
        if (slot)
            *slot = page_alloc_zeroed();
        if (!slot || !*slot)
            return -ENOMEM;
        if (done < got)
            memcpy(*slot, answer + done, MIN(got - done, PAGE_SIZE));
    }
    return 0;
}

long host_map(struct file *file, uint64_t offset, uint64_t length, bool shared_writable)
{
    struct path path = {.file = file};
    struct inode *inode = file->inode;
    struct stat stat;
    uint64_t end;
    long error;

    /* Stores would have to find their way back. */
    if (shared_writable)
        return (file->flags & O_ACCMODE) == O_RDWR ? -ENODEV : -EACCES;
    if (!S_ISREG(inode->mode))
        return -ENODEV;
    error = host_stat(&path, true, &stat);
    if (error)
        return error;
    inode->size = (uint64_t)stat.st_size;
    end = MIN(offset + length, inode->size);
    for (uint64_t at = page_down(offset); at < end; at += CHANNEL_FILE_DATA) {
        error = pages_read(file, at, MIN(end - at, (uint64_t)CHANNEL_FILE_DATA));
        if (error)
            return error;
    }
    return 0;
}

const struct file_ops host_file_ops = {
    .release = file_release,
    .read = file_read,
    .write = file_write,
    .seek = file_seek,
    .truncate = file_truncate,
    .allocate = file_allocate,
    .sync = file_sync,
    .list = file_list,
    .lock = file_lock,
    .flock = file_flock,
};
