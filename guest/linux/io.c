/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing open files. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"

#include <linux/uio.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>

#define IOV_MAX      1024
#define TRANSFER_MAX 0x7ffff000ul /* as Linux: INT_MAX rounded down to pages */
#define WHENCE_DATA  3
#define WHENCE_HOLE  4

enum direction { READ, WRITE };

static struct file *file_for(int descriptor, enum direction direction, int *error)
{
    struct file *file = file_of(descriptor);
    unsigned access = file ? file->flags & O_ACCMODE : 0;

    *error = -EBADF;
    if (!file || file->flags & O_PATH || access == (direction == READ ? O_WRONLY : O_RDONLY))
        return NULL;
    *error = -EINVAL;
    if (direction == READ ? !file->ops->read : !file->ops->write)
        return NULL;
    *error = 0;
    return file;
}

static ssize_t transfer(struct file *file, enum direction direction, void *bytes, size_t count,
                        uint64_t offset)
{
    if (!user_range(bytes, count))
        return -EFAULT;
    count = MIN(count, TRANSFER_MAX);
    return direction == READ ? file->ops->read(file, bytes, count, offset)
                             : file->ops->write(file, bytes, count, offset);
}

/* At the file's position, which moves on. */
static ssize_t transfer_next(int descriptor, enum direction direction, void *bytes, size_t count)
{
    int error;
    struct file *file = file_for(descriptor, direction, &error);
    ssize_t done;

    if (!file)
        return error;
    if (direction == WRITE && file->flags & O_APPEND && !file->ops->stream) {
        int64_t end = file_end(file);

        if (end < 0)
            return end;
        file->position = (uint64_t)end;
    }
    done = transfer(file, direction, bytes, count, file->position);
    if (done > 0 && !file->ops->stream)
        file->position += (uint64_t)done;
    return done;
}

static ssize_t transfer_at(int descriptor, enum direction direction, void *bytes, size_t count,
                           int64_t offset)
{
    int error;
    struct file *file = file_for(descriptor, direction, &error);

    if (offset < 0)
        return -EINVAL;
    if (!file)
        return error;
    if (file->ops->stream)
        return -ESPIPE;
    if (direction == WRITE && file->flags & O_APPEND) /* Linux appends, whatever POSIX says */
        offset = file_end(file);
    if (offset < 0)
        return offset;
    return transfer(file, direction, bytes, count, (uint64_t)offset);
}

/* `offset` < 0: at the file's position. */
static ssize_t transfer_vector(int descriptor, enum direction direction, const struct iovec *vector,
                               int count, int64_t offset)
{
    struct iovec part;
    ssize_t total = 0;

    if (count < 0 || count > IOV_MAX)
        return -EINVAL;
    for (int i = 0; i < count; i++) { /* all are looked at before anything moves */
        if (user_read(&part, &vector[i], sizeof part))
            return -EFAULT;
        if ((ssize_t)part.iov_len < 0)
            return -EINVAL;
        if (!user_range(part.iov_base, part.iov_len))
            return -EFAULT;
    }
    if (count == 0) {
        int error;

        return file_for(descriptor, direction, &error) ? 0 : error;
    }
    for (int i = 0; i < count; i++) {
        ssize_t done;

        if (user_read(&part, &vector[i], sizeof part))
            return total ? total : -EFAULT;
        if (!part.iov_len && i < count - 1)
            continue;
        done = offset < 0 ? transfer_next(descriptor, direction, part.iov_base, part.iov_len)
                          : transfer_at(descriptor, direction, part.iov_base, part.iov_len,
                                        offset + total);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((size_t)done < part.iov_len)
            break;
    }
    return total;
}

long sys_read(int descriptor, void *bytes, size_t count)
{
    return transfer_next(descriptor, READ, bytes, count);
}

long sys_write(int descriptor, void *bytes, size_t count)
{
    return transfer_next(descriptor, WRITE, bytes, count);
}

long sys_pread64(int descriptor, void *bytes, size_t count, int64_t offset)
{
    return transfer_at(descriptor, READ, bytes, count, offset);
}

long sys_pwrite64(int descriptor, void *bytes, size_t count, int64_t offset)
{
    return transfer_at(descriptor, WRITE, bytes, count, offset);
}

long sys_readv(int descriptor, const struct iovec *vector, int count)
{
    return transfer_vector(descriptor, READ, vector, count, -1);
}

long sys_writev(int descriptor, const struct iovec *vector, int count)
{
    return transfer_vector(descriptor, WRITE, vector, count, -1);
}

long sys_preadv(int descriptor, const struct iovec *vector, int count, int64_t offset)
{
    return offset < 0 ? -EINVAL : transfer_vector(descriptor, READ, vector, count, offset);
}

long sys_pwritev(int descriptor, const struct iovec *vector, int count, int64_t offset)
{
    return offset < 0 ? -EINVAL : transfer_vector(descriptor, WRITE, vector, count, offset);
}

long sys_lseek(int descriptor, int64_t offset, int whence)
{
    struct file *file = file_of(descriptor);
    int64_t base;

    if (!file || file->flags & O_PATH)
        return -EBADF;
    if (file->ops->stream)
        return -ESPIPE;
    if (file->ops->seek && (whence > 1 || S_ISDIR(file->inode->mode))) {
        base = file->ops->seek(file, offset, whence);
        if (base >= 0)
            file->position = (uint64_t)base;
        return base;
    }
    switch (whence) {
    case 0: /* SEEK_SET */
        base = 0;
        break;
    case 1: /* SEEK_CUR */
        base = (int64_t)file->position;
        break;
    case 2: /* SEEK_END */
        base = (int64_t)file->inode->size;
        break;
    case WHENCE_DATA:
    case WHENCE_HOLE: /* no holes are told apart: the only one is at the end */
        if (offset < 0 || (uint64_t)offset >= file->inode->size)
            return -ENXIO;
        base = whence == WHENCE_HOLE ? (int64_t)file->inode->size - offset : 0;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, offset, &base))
        return -EOVERFLOW;
    if (base < 0)
        return -EINVAL;
    file->position = (uint64_t)base;
    return base;
}

long sys_ioctl(int descriptor, unsigned command, void *argument)
{
    struct file *file = file_of(descriptor);

    if (!file || file->flags & O_PATH)
        return -EBADF;
    if (command == FIOCLEX || command == FIONCLEX) {
        descriptor_set_closing(descriptor, command == FIOCLEX);
        return 0;
    }
    if (command == FIONBIO) {
        int on;

        if (user_read(&on, argument, sizeof on))
            return -EFAULT;
        file->flags = (file->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
        return 0;
    }
    return file->ops->ioctl ? file->ops->ioctl(file, command, argument) : -ENOTTY;
}

static long sync_file(int descriptor, bool data_only)
{
    struct file *file = file_of(descriptor);

    if (!file || file->flags & O_PATH)
        return -EBADF;
    if (file->ops->sync)
        return file->ops->sync(file, data_only);
    return file->ops->stream ? -EINVAL : 0;
}

long sys_fsync(int descriptor)
{
    return sync_file(descriptor, false);
}

long sys_fdatasync(int descriptor)
{
    return sync_file(descriptor, true);
}

long sys_sync(void)
{
    return 0;
}

long sys_ftruncate(int descriptor, int64_t size)
{
    struct file *file = file_of(descriptor);

    if (!file || file->flags & O_PATH)
        return -EBADF;
    if (size < 0 || (file->flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
    if (file->ops->truncate)
        return file->ops->truncate(file, (uint64_t)size);
    if (file->ops != &file_regular_ops)
        return -EINVAL;
    return inode_truncate(file->inode, (uint64_t)size);
}

long sys_truncate(const char *name, int64_t size)
{
    struct path path;
    int error = name_change(AT_FDCWD, name, true, &path);

    if (error)
        return error;
    if (size < 0)
        return -EINVAL;
    if (path.host)
        return host_truncate(path.host, (uint64_t)size);
    if (!path.inode)
        return -ENOENT;
    if (S_ISDIR(path.inode->mode))
        return -EISDIR;
    if (path.inode->ops != &file_regular_ops)
        return -EINVAL;
    return inode_truncate(path.inode, (uint64_t)size);
}

long sys_fallocate(int descriptor, int mode, int64_t offset, int64_t length)
{
    int error;
    struct file *file = file_for(descriptor, WRITE, &error);

    if (!file)
        return error;
    if (offset < 0 || length <= 0)
        return -EINVAL;
    if (file->ops->allocate)
        return file->ops->allocate(file, mode, offset, length);
    if (mode & ~1) /* FALLOC_FL_KEEP_SIZE */
        return -EOPNOTSUPP;
    if (file->ops != &file_regular_ops)
        return file->ops->stream ? -ESPIPE : -ENODEV;
    if (!(mode & 1) && (uint64_t)(offset + length) > file->inode->size)
        return inode_truncate(file->inode, (uint64_t)(offset + length));
    return 0;
}

long sys_fadvise64(int descriptor, int64_t offset, int64_t length, int advice)
{
    struct file *file = file_of(descriptor);

    if (!file)
        return -EBADF;
    if (file->ops->stream)
        return -ESPIPE;
    return advice < 0 || advice > 5 ? -EINVAL : 0;
}

/* Move `count` bytes from one open file to another through a page. */
static long file_copy(struct file *in, uint64_t *in_offset, struct file *out, size_t count)
{
    static char buffer[PAGE_SIZE];
    size_t total = 0;

    count = MIN(count, TRANSFER_MAX);
    while (total < count) {
        size_t part = MIN(count - total, sizeof buffer);
        ssize_t got = in->ops->read(in, buffer, part, *in_offset), put;

        if (got <= 0)
            return total ? (long)total : got;
        put = out->ops->write(out, buffer, (size_t)got, out->position);
        if (put < 0)
            return total ? (long)total : put;
        *in_offset += (uint64_t)put;
        if (!out->ops->stream)
            out->position += (uint64_t)put;
        total += (size_t)put;
        if (put < got || signal_due())
            break;
    }
    return (long)total;
}

long sys_sendfile(int out_descriptor, int in_descriptor, int64_t *offset, size_t count)
{
    int error;
    struct file *in = file_for(in_descriptor, READ, &error);
    struct file *out = in ? file_for(out_descriptor, WRITE, &error) : NULL;
    int64_t at;
    long done;

    if (!out)
        return error;
    if (in->ops->stream || out->flags & O_APPEND)
        return -EINVAL;
    if (!offset)
        return file_copy(in, &in->position, out, count);
    if (user_read(&at, offset, sizeof at))
        return -EFAULT;
    if (at < 0)
        return -EINVAL;
    done = file_copy(in, (uint64_t *)&at, out, count);
    return user_write(offset, &at, sizeof at) ? -EFAULT : done;
}

long sys_copy_file_range(int in_descriptor, int64_t *in_offset, int out_descriptor,
                         int64_t *out_offset, size_t count, unsigned flags)
{
    int error;

    if (!file_for(in_descriptor, READ, &error) || !file_for(out_descriptor, WRITE, &error))
        return error;
    /* Programs fall back to read and write on this answer. */
    return -EXDEV;
}
