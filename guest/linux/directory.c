/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories, links and renames; the current directory. */
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"

#include <linux/fcntl.h>

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
    if (file->ops->list)
        return file->ops->list(file, records, size);
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
    int error = name_change(directory, name, false, &path);

    if (error)
        return error;
    if (path.host)
        return host_mkdir(path.host, mode);
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
    error = name_change_existing(directory, name, false, &path);
    if (error)
        return error;
    if (path.host)
        return host_unlink(path.host, flags);
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
    error = (int)name_change_existing(old_directory, old_name, false, &from);
    if (!error)
        error = name_change(new_directory, new_name, false, &to);
    if (error)
        return error;
    if (from.host || to.host)
        return from.host && to.host ? host_rename(from.host, to.host, flags) : -EXDEV;
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
    /* A file of the cache is linked where it is. */
    error = flags & AT_EMPTY_PATH ? (int)name_existing(old_directory, old_name,
                                                       flags & AT_SYMLINK_FOLLOW, true, &from)
                                  : (int)name_change_existing(old_directory, old_name,
                                                              flags & AT_SYMLINK_FOLLOW, &from);
    if (!error)
        error = name_change(new_directory, new_name, false, &to);
    if (error)
        return error;
    if (host_has(&from) || to.host)
        return from.host && to.host ? host_link(from.host, to.host, flags & AT_SYMLINK_FOLLOW)
                                    : -EXDEV;
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
    error = name_change(directory, name, false, &path);
    if (error)
        return error;
    if (path.host)
        return host_symlink(target, path.host);
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

/* The path of the current directory: its length, or a negative errno. */
static int working_directory(char *buffer, size_t size)
{
    return channel_on ? snprintf(buffer, size, "%s", host_directory)
                      : directory_path(file_directory, buffer, size);
}

/* What /proc/self/cwd and fd/N lead to, which are links that the tree does not hold. NULL: another name. */
static const char *self_link(const char *user_name, char *buffer, size_t size)
{
    static char name[64];
    struct file *file;

    if (user_text(name, user_name, sizeof name) < 0 || !string_starts(name, "/proc/self/"))
        return NULL;
    if (strcmp(name, "/proc/self/cwd") == 0)
        return working_directory(buffer, size) > 0 ? buffer : NULL;
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
        long error = name_existing(directory, name, false, true, &path);

        if (error)
            return error;
        if (path.host)
            return host_readlink(path.host, buffer, (size_t)size);
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
    int length = working_directory(path, sizeof path);

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
    if (channel_on)
        directory_path(inode, host_directory, sizeof host_directory);
    inode_hold(inode);
    inode_put(file_directory);
    file_directory = inode;
    return 0;
}

long sys_chdir(const char *name)
{
    struct path path;
    long error = name_existing(AT_FDCWD, name, true, false, &path);

    if (error)
        return error;
    return path.host ? host_chdir(path.host) : change_directory(path.inode);
}

long sys_fchdir(int descriptor)
{
    struct file *file = file_of(descriptor);

    if (!file)
        return -EBADF;
    if (file->ops == &host_file_ops)
        return S_ISDIR(file->inode->mode) && file->path ? host_chdir(file->path) : -ENOTDIR;
    return change_directory(file->inode);
}
