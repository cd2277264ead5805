/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that take names: attributes, directories, links. */
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

/* /dev/stdin, /dev/fd/N and /proc/self/fd/N name the file behind a descriptor. NULL: another name, or no
 * such file. */
static struct file *name_descriptor(const char *name)
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

static long existing(int directory, const char *name, bool follow, bool empty, struct path *path)
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
    error = existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, &path);
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
    long error = existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH,
                          &path);

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
    long error = existing(AT_FDCWD, name, true, false, &path);

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
    error = existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, &path);
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
    long error = existing(directory, name, true, false, &path);

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
    error = existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, &path);
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
        long error = existing(directory, name, !(flags & AT_SYMLINK_NOFOLLOW),
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

/* Directories */

struct directory_record { /* struct linux_dirent64 */
    uint64_t number;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
};

long sys_getdents64(int descriptor, void *records, unsigned size)
{
    struct file *file = file_of(descriptor);
    struct inode *directory = file ? file->inode : NULL;
    char buffer[sizeof(struct directory_record) + FILE_NAME_MAX + 9];
    struct directory_record *record = (struct directory_record *)buffer;
    uint64_t index = 0;
    size_t done = 0;
    struct entry *entry;

    if (!file || file->flags & O_PATH)
        return -EBADF;
    if (!S_ISDIR(directory->mode))
        return -ENOTDIR;
    if (!user_range(records, size))
        return -EFAULT;
    entry = directory->entries;
    /* Positions 0 and 1 are "." and "..", then the entries in order. */
    for (; entry && index + 2 < file->position; index++)
        entry = entry->next;
    for (;;) {
        const char *name;
        struct inode *inode;
        size_t length;

        if (file->position == 0) {
            name = ".";
            inode = directory;
        } else if (file->position == 1) {
            name = "..";
            inode = directory->parent ? directory->parent : directory;
        } else if (entry) {
            name = entry->name;
            inode = entry->inode;
        } else {
            return (long)done;
        }
        length = (offsetof(struct directory_record, name) + strlen(name) + 1 + 7) & ~(size_t)7;
        if (done + length > size)
            return done ? (long)done : -EINVAL;
        memset(buffer, 0, sizeof buffer);
        record->number = inode->number;
        record->next = (int64_t)file->position + 1;
        record->length = (uint16_t)length;
        record->type = (uint8_t)((inode->mode & S_IFMT) >> 12);
        memcpy(record->name, name, strlen(name));
        if (user_write((char *)records + done, record, length))
            return done ? (long)done : -EFAULT;
        done += length;
        if (file->position++ >= 2)
            entry = entry->next;
    }
}

/* Add a new inode at the end of a name; gives it up where that fails. */
static long name_create(struct path *path, struct inode *inode)
{
    int error;

    if (!inode)
        return -ENOSPC;
    error = directory_add(path->parent, path->name, path->length, inode);
    if (error) {
        inode_hold(inode);
        inode_put(inode);
    }
    return error;
}

long sys_mkdirat(int directory, const char *name, unsigned mode)
{
    struct path path;
    int error = name_find(directory, name, false, false, &path);

    if (error)
        return error;
    if (path.inode)
        return -EEXIST;
    return name_create(&path, inode_create(S_IFDIR | (mode & 01777 & ~process.umask)));
}

long sys_mkdir(const char *name, unsigned mode)
{
    return sys_mkdirat(AT_FDCWD, name, mode);
}

long sys_unlinkat(int directory, const char *name, unsigned flags)
{
    struct path path;
    long error;

    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    error = existing(directory, name, false, false, &path);
    if (error)
        return error;
    if (!path.parent)
        return flags ? (path.inode == file_root ? -EBUSY : -EINVAL) : -EISDIR;
    if (flags & AT_REMOVEDIR) {
        if (!S_ISDIR(path.inode->mode))
            return -ENOTDIR;
        if (path.inode->entries)
            return -ENOTEMPTY;
    } else if (S_ISDIR(path.inode->mode)) {
        return -EISDIR;
    }
    directory_remove(path.parent, directory_entry(path.parent, path.name, path.length));
    return 0;
}

long sys_unlink(const char *name)
{
    return sys_unlinkat(AT_FDCWD, name, 0);
}

long sys_rmdir(const char *name)
{
    return sys_unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

static bool directory_contains(const struct inode *directory, const struct inode *inode)
{
    for (;; inode = inode->parent) {
        if (inode == directory)
            return true;
        if (!inode->parent || inode == file_root)
            return false;
    }
}

long sys_renameat2(int old_directory, const char *old_name, int new_directory, const char *new_name,
                   unsigned flags)
{
    struct path from, to;
    struct inode *inode;
    int error;

    if (flags & ~1u) /* RENAME_NOREPLACE */
        return -EINVAL;
    error = (int)existing(old_directory, old_name, false, false, &from);
    if (!error)
        error = name_find(new_directory, new_name, false, false, &to);
    if (error)
        return error;
    if (!from.parent || (!to.parent && to.inode))
        return -EBUSY;
    inode = from.inode;
    if (to.inode && flags)
        return -EEXIST;
    if (to.inode == inode)
        return 0;
    if (!S_ISDIR(inode->mode) && (to.directory || from.directory))
        return -ENOTDIR;
    if (S_ISDIR(inode->mode) && directory_contains(inode, to.parent))
        return -EINVAL;
    if (to.inode) {
        if (S_ISDIR(to.inode->mode)) {
            if (!S_ISDIR(inode->mode))
                return -EISDIR;
            if (to.inode->entries)
                return -ENOTEMPTY;
        } else if (S_ISDIR(inode->mode)) {
            return -ENOTDIR;
        }
    }
    inode_hold(inode);
    if (to.inode)
        directory_remove(to.parent, directory_entry(to.parent, to.name, to.length));
    directory_remove(from.parent, directory_entry(from.parent, from.name, from.length));
    /* The freed entries' memory serves the new one, unless its name is much longer. */
    error = directory_add(to.parent, to.name, to.length, inode);
    if (error)
        directory_add(from.parent, from.name, from.length, inode);
    inode_put(inode);
    return error;
}

long sys_renameat(int old_directory, const char *old_name, int new_directory, const char *new_name)
{
    return sys_renameat2(old_directory, old_name, new_directory, new_name, 0);
}

long sys_rename(const char *old_name, const char *new_name)
{
    return sys_renameat2(AT_FDCWD, old_name, AT_FDCWD, new_name, 0);
}

/* Links */

long sys_linkat(int old_directory, const char *old_name, int new_directory, const char *new_name,
                unsigned flags)
{
    struct path from, to;
    int error;

    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    error = (int)existing(old_directory, old_name, flags & AT_SYMLINK_FOLLOW, flags & AT_EMPTY_PATH,
                          &from);
    if (!error)
        error = name_find(new_directory, new_name, false, false, &to);
    if (error)
        return error;
    if (to.inode)
        return -EEXIST;
    if (S_ISDIR(from.inode->mode))
        return -EPERM;
    return directory_add(to.parent, to.name, to.length, from.inode);
}

long sys_link(const char *old_name, const char *new_name)
{
    return sys_linkat(AT_FDCWD, old_name, AT_FDCWD, new_name, 0);
}

long sys_symlinkat(const char *user_target, int directory, const char *name)
{
    static char target[FILE_PATH_MAX];
    ssize_t length = user_text(target, user_target, sizeof target);
    struct path path;
    struct inode *inode;
    int error;

    if (length < 0)
        return length;
    if (!length)
        return -ENOENT;
    error = name_find(directory, name, false, false, &path);
    if (error)
        return error;
    if (path.inode)
        return -EEXIST;
    inode = inode_create(S_IFLNK | 0777);
    if (!inode)
        return -ENOSPC;
    inode->target = heap_alloc((size_t)length + 1);
    if (!inode->target) {
        heap_free(inode);
        return -ENOSPC;
    }
    memcpy(inode->target, target, (size_t)length + 1);
    inode->size = (uint64_t)length;
    return name_create(&path, inode);
}

long sys_symlink(const char *target, const char *name)
{
    return sys_symlinkat(target, AT_FDCWD, name);
}

/* What /proc/self/cwd and fd/N lead to, which are links that the tree does not hold. NULL: another name. */
static const char *self_link(const char *user_name, char *buffer, size_t size)
{
    static char name[64];
    struct file *file;

    if (user_text(name, user_name, sizeof name) < 0 || !string_starts(name, "/proc/self/"))
        return NULL;
    if (strcmp(name, "/proc/self/cwd") == 0)
        return directory_path(file_directory, buffer, size) > 0 ? buffer : NULL;
    file = name_descriptor(name);
    if (!file)
        return NULL;
    if (file->path)
        return file->path;
    snprintf(buffer, size, "pipe:[%lu]", file->inode->number);
    return buffer;
}

long sys_readlinkat(int directory, const char *name, char *buffer, int size)
{
    static char scratch[FILE_PATH_MAX];
    struct path path;
    const char *target = self_link(name, scratch, sizeof scratch);
    size_t length;

    if (size <= 0)
        return -EINVAL;
    if (!target) {
        long error = existing(directory, name, false, true, &path);

        if (error)
            return error;
        if (!S_ISLNK(path.inode->mode))
            return -EINVAL;
        target = path.inode->target ? path.inode->target : "";
    }
    length = MIN(strlen(target), (size_t)size);
    return user_write(buffer, target, length) ? -EFAULT : (long)length;
}

long sys_readlink(const char *name, char *buffer, int size)
{
    return sys_readlinkat(AT_FDCWD, name, buffer, size);
}

/* The current directory */

long sys_getcwd(char *buffer, size_t size)
{
    static char path[FILE_PATH_MAX];
    int length = directory_path(file_directory, path, sizeof path);

    if (length < 0)
        return length;
    if ((size_t)length + 1 > size)
        return -ERANGE;
    return user_write(buffer, path, (size_t)length + 1) ? -EFAULT : length + 1;
}

static long change_directory(struct inode *inode)
{
    if (!S_ISDIR(inode->mode))
        return -ENOTDIR;
    inode_hold(inode);
    inode_put(file_directory);
    file_directory = inode;
    return 0;
}

long sys_chdir(const char *name)
{
    struct path path;
    long error = existing(AT_FDCWD, name, true, false, &path);

    return error ? error : change_directory(path.inode);
}

long sys_fchdir(int descriptor)
{
    struct file *file = file_of(descriptor);

    return file ? change_directory(file->inode) : -EBADF;
}
