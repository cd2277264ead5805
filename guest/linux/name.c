/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up what the process names, and the calls on attributes. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/xen/time.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>

#define TMPFS_MAGIC 0x01021994

struct file *name_descriptor(const char *name)
{
    static const struct {
        const char *name;
        int descriptor;
    } streams[] = {{"/dev/stdin", 0}, {"/dev/stdout", 1}, {"/dev/stderr", 2}};
    const char *number, *end;
    uint64_t descriptor;

    for (unsigned i = 0; i < ARRAY_SIZE(streams); i++)
        if (strcmp(name, streams[i].name) == 0)
            return file_of(streams[i].descriptor);
    if (string_starts(name, "/proc/self/fd/"))
        number = name + strlen("/proc/self/fd/");
    else if (string_starts(name, "/dev/fd/"))
        number = name + strlen("/dev/fd/");
    else
        return NULL;
    descriptor = string_number(number, &end);
    return end == number || *end || descriptor >= FILE_COUNT ? NULL : file_of((int)descriptor);
}

int name_find(int directory, const char *user_name, bool follow, bool empty, struct path *path)
{
    /* Two names are in use at most (rename): path->name points into one. */
    static char names[2][FILE_PATH_MAX];
    static unsigned turn;
    char *name = names[turn++ % 2];
    struct inode *start = file_directory;
    ssize_t length = user_text(name, user_name, FILE_PATH_MAX);

    if (length < 0)
        return (int)length;
    if (follow && (string_starts(name, "/proc/") || string_starts(name, "/dev/"))) {
        struct file *file = name_descriptor(name);

        if (file) {
            *path = (struct path){.inode = file->inode};
            return 0;
        }
    }
    if (directory != AT_FDCWD && *name != '/') {
        struct file *file = file_of(directory);

        if (!file)
            return -EBADF;
        start = file->inode;
        if (*name && !S_ISDIR(start->mode))
            return -ENOTDIR;
    }
    if (!*name && empty) {
        *path = (struct path){.inode = start};
        return 0;
    }
    return path_find(start, name, follow, path);
}

char *name_absolute(const struct path *path)
{
    char *text = heap_alloc(FILE_PATH_MAX), *result;
    struct inode *directory = path->parent ? path->parent : path->inode;
    int length;

    if (!text)
        return NULL;
    length = S_ISDIR(directory->mode) ? directory_path(directory, text, FILE_PATH_MAX) : -ENOENT;
    if (length < 0 || (size_t)length + 1 + path->length >= FILE_PATH_MAX) {
        heap_free(text);
        return NULL;
    }
    if (path->parent) {
        if (length > 1)
            text[length++] = '/';
        memcpy(text + length, path->name, path->length);
        length += (int)path->length;
        text[length] = '\0';
    }
    result = heap_alloc((size_t)length + 1); /* most are short: give the page back */
    if (result)
        memcpy(result, text, (size_t)length + 1);
    heap_free(text);
    return result;
}

long name_existing(int directory, const char *name, bool follow, bool empty, struct path *path)
{
    int error = name_find(directory, name, follow, empty, path);

    return error ? error : path->inode ? 0 : -ENOENT;
}

/* Attributes */

static uint32_t inode_links(const struct inode *inode)
{
    uint32_t links = inode->links;

    if (S_ISDIR(inode->mode)) {
        links = 2;
        for (const struct entry *entry = inode->entries; entry; entry = entry->next)
            links += S_ISDIR(entry->inode->mode);
    }
    return links;
}

static long stat_write(const struct inode *inode, struct stat *to)
{
    struct stat stat = {
        .st_dev = 1,
        .st_ino = inode->number,
        .st_nlink = inode_links(inode),
        .st_mode = inode->mode,
        .st_uid = inode->owner,
        .st_gid = inode->group,
        .st_rdev = inode->device,
        .st_size = (long)inode->size,
        .st_blksize = 4096,
        .st_blocks = S_ISREG(inode->mode) ? (long)(page_up(inode->size) / 512) : 0,
        .st_atime = inode->accessed / TIME_SECOND,
        .st_atime_nsec = inode->accessed % TIME_SECOND,
        .st_mtime = inode->modified / TIME_SECOND,
        .st_mtime_nsec = inode->modified % TIME_SECOND,
        .st_ctime = inode->changed / TIME_SECOND,
        .st_ctime_nsec = inode->changed % TIME_SECOND,
    };

    return user_write(to, &stat, sizeof stat);
}

long sys_newfstatat(int directory, const char *name, struct stat *to, unsigned flags)
{
    struct path path;
    long error;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH,
                          &path);
    return error ? error : stat_write(path.inode, to);
}

long sys_stat(const char *name, struct stat *to)
{
    return sys_newfstatat(AT_FDCWD, name, to, 0);
}

long sys_lstat(const char *name, struct stat *to)
{
    return sys_newfstatat(AT_FDCWD, name, to, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int descriptor, struct stat *to)
{
    struct file *file = file_of(descriptor);

    return file ? stat_write(file->inode, to) : -EBADF;
}

static struct statx_timestamp statx_time(uint64_t time)
{
    return (struct statx_timestamp){
        .tv_sec = (int64_t)(time / TIME_SECOND),
        .tv_nsec = (uint32_t)(time % TIME_SECOND),
    };
}

long sys_statx(int directory, const char *name, unsigned flags, unsigned mask, struct statx *to)
{
    struct path path;
    long error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW),
                               flags & AT_EMPTY_PATH, &path);

    if (error)
        return error;
    if (mask & STATX__RESERVED)
        return -EINVAL;

    const struct inode *inode = path.inode;
    struct statx statx = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = 4096,
        .stx_nlink = inode_links(inode),
        .stx_uid = inode->owner,
        .stx_gid = inode->group,
        .stx_mode = (uint16_t)inode->mode,
        .stx_ino = inode->number,
        .stx_size = inode->size,
        .stx_blocks = S_ISREG(inode->mode) ? page_up(inode->size) / 512 : 0,
        .stx_atime = statx_time(inode->accessed),
        .stx_mtime = statx_time(inode->modified),
        .stx_ctime = statx_time(inode->changed),
        .stx_rdev_major = (uint32_t)(inode->device >> 8),
        .stx_rdev_minor = (uint32_t)(inode->device & 255),
        .stx_dev_minor = 1,
    };

    return user_write(to, &statx, sizeof statx);
}

static long statfs_write(struct statfs *to)
{
    struct page_counts counts;

    page_count(&counts);

    struct statfs statfs = {
        .f_type = TMPFS_MAGIC,
        .f_bsize = PAGE_SIZE,
        .f_frsize = PAGE_SIZE,
        .f_blocks = (long)counts.total,
        .f_bfree = (long)counts.free,
        .f_bavail = (long)counts.free,
        .f_files = (long)counts.total,
        .f_ffree = (long)counts.free,
        .f_namelen = FILE_NAME_MAX,
    };

    return user_write(to, &statfs, sizeof statfs);
}

long sys_statfs(const char *name, struct statfs *to)
{
    struct path path;
    long error = name_existing(AT_FDCWD, name, true, false, &path);

    return error ? error : statfs_write(to);
}

long sys_fstatfs(int descriptor, struct statfs *to)
{
    return file_of(descriptor) ? statfs_write(to) : -EBADF;
}

/* The process is root: everything may be read and written; executed, if anybody may. */
long sys_faccessat2(int directory, const char *name, int mode, unsigned flags)
{
    struct path path;
    long error;

    if (mode & ~7 || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH,
                          &path);
    if (error)
        return error;
    return mode & 1 && !S_ISDIR(path.inode->mode) && !(path.inode->mode & 0111) ? -EACCES : 0;
}

long sys_faccessat(int directory, const char *name, int mode)
{
    return sys_faccessat2(directory, name, mode, 0);
}

long sys_access(const char *name, int mode)
{
    return sys_faccessat2(AT_FDCWD, name, mode, 0);
}

static long change_mode(struct inode *inode, unsigned mode)
{
    inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
    inode->changed = file_now();
    return 0;
}

long sys_fchmodat(int directory, const char *name, unsigned mode)
{
    struct path path;
    long error = name_existing(directory, name, true, false, &path);

    return error ? error : change_mode(path.inode, mode);
}

long sys_chmod(const char *name, unsigned mode)
{
    return sys_fchmodat(AT_FDCWD, name, mode);
}

long sys_fchmod(int descriptor, unsigned mode)
{
    struct file *file = file_of(descriptor);

    return file ? change_mode(file->inode, mode) : -EBADF;
}

static long change_owner(struct inode *inode, uint32_t owner, uint32_t group)
{
    if (owner != UINT32_MAX)
        inode->owner = owner;
    if (group != UINT32_MAX)
        inode->group = group;
    inode->changed = file_now();
    return 0;
}

long sys_fchownat(int directory, const char *name, uint32_t owner, uint32_t group, unsigned flags)
{
    struct path path;
    long error;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH,
                          &path);
    return error ? error : change_owner(path.inode, owner, group);
}

long sys_chown(const char *name, uint32_t owner, uint32_t group)
{
    return sys_fchownat(AT_FDCWD, name, owner, group, 0);
}

long sys_lchown(const char *name, uint32_t owner, uint32_t group)
{
    return sys_fchownat(AT_FDCWD, name, owner, group, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int descriptor, uint32_t owner, uint32_t group)
{
    struct file *file = file_of(descriptor);

    return file ? change_owner(file->inode, owner, group) : -EBADF;
}

long sys_utimensat(int directory, const char *name, const struct timespec *times, unsigned flags)
{
    enum { NOW = 0x3fffffff, OMIT = 0x3ffffffe };
    struct timespec given[2] = {{.tv_nsec = NOW}, {.tv_nsec = NOW}};
    struct path path = {0};
    struct inode *inode;

    if (times && user_read(given, times, sizeof given))
        return -EFAULT;
    if (name) {
        long error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW),
                                   flags & AT_EMPTY_PATH, &path);

        if (error)
            return error;
        inode = path.inode;
    } else {
        struct file *file = file_of(directory);

        if (!file)
            return -EBADF;
        inode = file->inode;
    }
    for (int i = 0; i < 2; i++) {
        uint64_t *to = i ? &inode->modified : &inode->accessed;

        if (given[i].tv_nsec == OMIT)
            continue;
        if (given[i].tv_nsec == NOW) {
            *to = file_now();
            continue;
        }
        if (given[i].tv_nsec < 0 || given[i].tv_nsec >= (long)TIME_SECOND)
            return -EINVAL;
        *to = (uint64_t)given[i].tv_sec * TIME_SECOND + (uint64_t)given[i].tv_nsec;
    }
    inode->changed = file_now();
    return 0;
}

long sys_umask(unsigned mask)
{
    unsigned old = process.umask;

    process.umask = mask & 0777;
    return old;
}
