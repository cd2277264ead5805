/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up what the process names, and the calls on attributes. */
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
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

/* Put the directory in front of a relative name, which has room for FILE_PATH_MAX bytes. */
static int name_make_absolute(char *name, const char *directory)
{
    size_t length = strlen(name) + 1, before = strlen(directory);

    if (*name == '/')
        return 0;
    if (!*name)
        return -ENOENT;
    if (before + 1 + length > FILE_PATH_MAX)
        return -ENAMETOOLONG;
    memmove(name + before + 1, name, length);
    memcpy(name, directory, before);
    name[before] = '/';
    return 0;
}

static int find(int directory, const char *user_name, bool follow, bool empty, bool change,
                struct path *path)
{
    /* Two names are in use at most (rename): path->name or path->host points into one. */
    static char names[2][FILE_PATH_MAX];
    static unsigned turn;
    char *name = names[turn++ % 2];
    struct inode *start = file_directory;
    struct file *from = NULL;
    ssize_t length = user_text(name, user_name, FILE_PATH_MAX);
    int error;

    if (length < 0)
        return (int)length;
    if (follow && (string_starts(name, "/proc/") || string_starts(name, "/dev/"))) {
        struct file *file = name_descriptor(name);

        if (file) {
            *path = (struct path){.inode = file->inode, .file = file};
            return 0;
        }
    }
    if (directory != AT_FDCWD && *name != '/') {
        from = file_of(directory);
        if (!from)
            return -EBADF;
        start = from->inode;
        if (*name && !S_ISDIR(start->mode))
            return -ENOTDIR;
    }
    if (!*name && empty) {
        *path = (struct path){.inode = start, .file = from};
        if (channel_on && !from)
            *path = (struct path){.host = host_directory};
        return 0;
    }
    if (!channel_on)
        return path_find(start, name, follow, path);
    if (from && !from->path)
        return -ENOENT;
    error = name_make_absolute(name, from ? from->path : host_directory);
    return error ? error : host_name(name, follow, change, path);
}

int name_find(int directory, const char *name, bool follow, bool empty, struct path *path)
{
    return find(directory, name, follow, empty, false, path);
}

int name_change(int directory, const char *name, bool follow, struct path *path)
{
    return find(directory, name, follow, false, true, path);
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

    return error ? error : path->inode || path->host ? 0 : -ENOENT;
}

long name_change_existing(int directory, const char *name, bool follow, struct path *path)
{
    int error = name_change(directory, name, follow, path);

    return error ? error : path->inode || path->host ? 0 : -ENOENT;
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

/* The attributes of what was looked up. */
static long path_stat(const struct path *path, bool follow, struct stat *stat)
{
    const struct inode *inode = path->inode;

    if (host_has(path))
        return host_stat(path, follow, stat);
    *stat = (struct stat){
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
    return 0;
}

static long stat_write(const struct path *path, bool follow, struct stat *to)
{
    struct stat stat;
    long error = path_stat(path, follow, &stat);

    return error ? error : user_write(to, &stat, sizeof stat);
}

long sys_newfstatat(int directory, const char *name, struct stat *to, unsigned flags)
{
    struct path path;
    long error;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH,
                          &path);
    return error ? error : stat_write(&path, !(flags & AT_SYMLINK_NOFOLLOW), to);
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
    struct path path = {.inode = file ? file->inode : NULL, .file = file};

    return file ? stat_write(&path, true, to) : -EBADF;
}

/* A device number as stat gives it (new_encode_dev). */
static uint32_t device_major(unsigned long device)
{
    return (uint32_t)(device >> 8 & 0xfff);
}

static uint32_t device_minor(unsigned long device)
{
    return (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));
}

static struct statx_timestamp statx_time(unsigned long seconds, unsigned long nanoseconds)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)seconds, .tv_nsec = (uint32_t)nanoseconds};
}

long sys_statx(int directory, const char *name, unsigned flags, unsigned mask, struct statx *to)
{
    struct path path;
    struct stat stat;
    long error = name_existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW),
                               flags & AT_EMPTY_PATH, &path);

    if (!error && mask & STATX__RESERVED)
        error = -EINVAL;
    if (!error)
        error = path_stat(&path, !(flags & AT_SYMLINK_NOFOLLOW), &stat);
    if (error)
        return error;

    struct statx statx = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)stat.st_blksize,
        .stx_nlink = (uint32_t)stat.st_nlink,
        .stx_uid = stat.st_uid,
        .stx_gid = stat.st_gid,
        .stx_mode = (uint16_t)stat.st_mode,
        .stx_ino = stat.st_ino,
        .stx_size = (uint64_t)stat.st_size,
        .stx_blocks = (uint64_t)stat.st_blocks,
        .stx_atime = statx_time(stat.st_atime, stat.st_atime_nsec),
        .stx_mtime = statx_time(stat.st_mtime, stat.st_mtime_nsec),
        .stx_ctime = statx_time(stat.st_ctime, stat.st_ctime_nsec),
        .stx_rdev_major = device_major(stat.st_rdev),
        .stx_rdev_minor = device_minor(stat.st_rdev),
        .stx_dev_major = device_major(stat.st_dev),
        .stx_dev_minor = device_minor(stat.st_dev),
    };

    return user_write(to, &statx, sizeof statx);
}

static long statfs_write(const struct path *path, struct statfs *to)
{
    struct page_counts counts;

    if (host_has(path)) {
        struct statfs host;
        long error = host_statfs(path, &host);

        return error ? error : user_write(to, &host, sizeof host);
    }
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

    return error ? error : statfs_write(&path, to);
}

long sys_fstatfs(int descriptor, struct statfs *to)
{
    struct path path = {.file = file_of(descriptor)};

    return path.file ? statfs_write(&path, to) : -EBADF;
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
    if (path.host)
        return host_access(path.host, mode);
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

static long change_mode(const struct path *path, unsigned mode)
{
    struct inode *inode = path->inode;

    if (host_has(path))
        return host_chmod(path, mode);
    inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
    inode->changed = file_now();
    return 0;
}

long sys_fchmodat(int directory, const char *name, unsigned mode)
{
    struct path path;
    long error = name_change_existing(directory, name, true, &path);

    return error ? error : change_mode(&path, mode);
}

long sys_chmod(const char *name, unsigned mode)
{
    return sys_fchmodat(AT_FDCWD, name, mode);
}

long sys_fchmod(int descriptor, unsigned mode)
{
    struct file *file = file_of(descriptor);
    struct path path = {.inode = file ? file->inode : NULL, .file = file};

    return file ? change_mode(&path, mode) : -EBADF;
}

static long change_owner(const struct path *path, uint32_t owner, uint32_t group, bool follow)
{
    struct inode *inode = path->inode;

    if (host_has(path))
        return host_chown(path, owner, group, follow);
    if (owner != UINT32_MAX)
        inode->owner = owner;
    if (group != UINT32_MAX)
        inode->group = group;
    inode->changed = file_now();
    return 0;
}

long sys_fchownat(int directory, const char *name, uint32_t owner, uint32_t group, unsigned flags)
{
    bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
    struct path path;
    long error;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    error = flags & AT_EMPTY_PATH ? name_existing(directory, name, follow, true, &path)
                                  : name_change_existing(directory, name, follow, &path);
    return error ? error : change_owner(&path, owner, group, follow);
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
    struct path path = {.inode = file ? file->inode : NULL, .file = file};

    return file ? change_owner(&path, owner, group, true) : -EBADF;
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
        bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
        long error = flags & AT_EMPTY_PATH ? name_existing(directory, name, follow, true, &path)
                                           : name_change_existing(directory, name, follow, &path);

        if (error)
            return error;
    } else {
        path.file = file_of(directory);
        if (!path.file)
            return -EBADF;
        path.inode = path.file->inode;
    }
    if (host_has(&path))
        return host_utimens(&path, given, !(flags & AT_SYMLINK_NOFOLLOW));
    inode = path.inode;
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
