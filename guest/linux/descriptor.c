/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening, closing and duplicating. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"

#include <linux/fcntl.h>
#include <linux/fs.h>

static long open_path(struct path *path, unsigned flags, unsigned mode)
{
    struct inode *inode = path->inode;
    struct file *file;
    int error, descriptor;

    if (!inode) {
        if (!(flags & O_CREAT))
            return -ENOENT;
        if (path->directory)
            return -EISDIR;
        inode = inode_create(S_IFREG | (mode & 07777 & ~process.umask));
        if (!inode)
            return -ENOSPC;
        error = directory_add(path->parent, path->name, path->length, inode);
        if (error) {
            inode_hold(inode);
            inode_put(inode);
            return error;
        }
    } else {
        if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
            return -EEXIST;
        if (S_ISLNK(inode->mode) && !(flags & O_PATH))
            return -ELOOP;
        if (S_ISDIR(inode->mode) &&
            ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)) && !(flags & O_PATH))
            return -EISDIR;
        if (flags & O_DIRECTORY && !S_ISDIR(inode->mode))
            return -ENOTDIR;
        if (flags & O_TRUNC && inode->ops == &file_regular_ops && !(flags & O_PATH)) {
            error = inode_truncate(inode, 0);
            if (error)
                return error;
        }
    }
    file = file_open(inode, flags, &error);
    if (!file)
        return error;
    file->path = name_absolute(path);
    descriptor = descriptor_install(file, 0, flags & O_CLOEXEC);
    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

long sys_openat(int directory, const char *user_name, unsigned flags, unsigned mode)
{
    bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    bool change = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    struct path path;
    int error = change ? name_change(directory, user_name, follow, &path)
                       : name_find(directory, user_name, follow, false, &path);

    if (error)
        return error;
    if (path.host)
        return host_open(path.host, flags, mode);
    if (path.file && path.file->ops == &host_file_ops) /* /proc/self/fd/N */
        return path.file->path ? host_open(path.file->path, flags, mode) : -ENOENT;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return -EOPNOTSUPP; /* tmpfile and others fall back to a name */
    return open_path(&path, flags, mode);
}

long sys_open(const char *name, unsigned flags, unsigned mode)
{
    return sys_openat(AT_FDCWD, name, flags, mode);
}

long sys_creat(const char *name, unsigned mode)
{
    return sys_openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_close(int descriptor)
{
    if (!file_of(descriptor))
        return -EBADF;
    descriptor_replace(descriptor, NULL);
    return 0;
}

long sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    if (first > last || flags & ~4u) /* CLOSE_RANGE_CLOEXEC */
        return -EINVAL;
    for (unsigned i = first; i <= last && i < FILE_COUNT; i++) {
        if (!file_of((int)i))
            continue;
        if (flags)
            descriptor_set_closing((int)i, true);
        else
            descriptor_replace((int)i, NULL);
    }
    return 0;
}

static long duplicate(int descriptor, int least, bool close_on_exec)
{
    struct file *file = file_of(descriptor);
    int copy;

    if (!file)
        return -EBADF;
    if (least < 0 || least >= FILE_COUNT)
        return -EINVAL;
    copy = descriptor_install(file, least, close_on_exec);
    if (copy >= 0)
        file_hold(file);
    return copy;
}

long sys_dup(int descriptor)
{
    return duplicate(descriptor, 0, false);
}

long sys_dup3(int descriptor, int copy, unsigned flags)
{
    struct file *file = file_of(descriptor);

    if (!file || (unsigned)copy >= FILE_COUNT)
        return -EBADF;
    if (flags & ~O_CLOEXEC || descriptor == copy)
        return -EINVAL;
    file_hold(file);
    descriptor_replace(copy, file);
    descriptor_set_closing(copy, flags & O_CLOEXEC);
    return copy;
}

long sys_dup2(int descriptor, int copy)
{
    if (descriptor == copy)
        return file_of(descriptor) ? copy : -EBADF;
    return sys_dup3(descriptor, copy, 0);
}

/* Nobody else is there to hold a lock on a file of ours, so each one is granted that Linux would take for one. A lock of a
 * file that is elsewhere is made absolute here, since the file's position is not known there. */
static long lock_check(struct file *file, struct flock *lock)
{
    int64_t start;

    switch (lock->l_whence) {
    case SEEK_SET:
        start = 0;
        break;
    case SEEK_CUR:
        start = (int64_t)file->position;
        break;
    case SEEK_END:
        start = file_end(file);
        break;
    default:
        return -EINVAL;
    }
    if (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK)
        return -EINVAL;
    if (lock->l_start > INT64_MAX - start)
        return -EOVERFLOW;
    start += lock->l_start;
    if (start < 0 || (lock->l_len < 0 && start + lock->l_len < 0))
        return -EINVAL;
    if (lock->l_len > 0 && lock->l_len - 1 > INT64_MAX - start)
        return -EOVERFLOW;
    if (file->ops->lock) {
        lock->l_whence = SEEK_SET;
        lock->l_start = start;
    }
    return 0;
}

long sys_fcntl(int descriptor, int command, uint64_t argument)
{
    struct file *file = file_of(descriptor);
    unsigned changeable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC;

    if (!file)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
        return duplicate(descriptor, (int)argument, false);
    case F_DUPFD_CLOEXEC:
        return duplicate(descriptor, (int)argument, true);
    case F_GETFD:
        return descriptor_closing(descriptor);
    case F_SETFD:
        descriptor_set_closing(descriptor, argument & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return file->flags | O_LARGEFILE;
    case F_SETFL:
        file->flags = (file->flags & ~changeable) | ((unsigned)argument & changeable);
        return 0;
    case F_ADD_SEALS:
        return seals_add(file, (unsigned)argument);
    case F_GET_SEALS:
        return seals_get(file);
    case F_GETLK: {
        struct flock lock, given;
        long error;

        if (user_read(&lock, (void *)argument, sizeof lock))
            return -EFAULT;
        if (lock.l_type == F_UNLCK)
            return -EINVAL;
        given = lock;
        error = lock_check(file, &lock);
        if (!error && file->ops->lock)
            error = file->ops->lock(file, command, &lock);
        else
            lock.l_type = F_UNLCK;
        if (error)
            return error;
        if (lock.l_type == F_UNLCK) { /* all else stays as it was given */
            lock = given;
            lock.l_type = F_UNLCK;
        }
        return user_write((void *)argument, &lock, sizeof lock);
    }
    case F_SETLK:
    case F_SETLKW: {
        struct flock lock;
        unsigned access = file->flags & O_ACCMODE;
        long error;

        if (user_read(&lock, (void *)argument, sizeof lock))
            return -EFAULT;
        error = lock_check(file, &lock);
        if (!error && ((lock.l_type == F_RDLCK && access == O_WRONLY) ||
                       (lock.l_type == F_WRLCK && access == O_RDONLY)))
            error = -EBADF;
        if (!error && file->ops->lock)
            error = file->ops->lock(file, command, &lock);
        return error;
    }
    default:
        return -EINVAL;
    }
}

long sys_flock(int descriptor, int operation)
{
    struct file *file = file_of(descriptor);
    int kind = operation & ~LOCK_NB;

    if (!file)
        return -EBADF;
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    return file->ops->flock ? file->ops->flock(file, operation) : 0;
}
