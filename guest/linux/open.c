/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files and the table of descriptors. */
#include "guest/linux/file.h"

#include <linux/fs.h>

static struct file *descriptors[FILE_COUNT];
static uint64_t
    closing[FILE_COUNT / 64]; /* FD_CLOEXEC, which only fcntl shows: exec is not served */

struct file *file_open(struct inode *inode, unsigned flags, int *error)
{
    struct file *file = heap_alloc(sizeof *file);

    *error = -ENOMEM;
    if (!file)
        return NULL;
    file->holders = 1;
    file->flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC);
    file->inode = inode;
    file->ops = inode->ops;
    inode_hold(inode);
    *error = file->ops->open ? file->ops->open(file) : 0;
    if (*error) {
        inode_put(inode);
        heap_free(file);
        return NULL;
    }
    return file;
}

void file_hold(struct file *file)
{
    file->holders++;
}

void file_put(struct file *file)
{
    assert(file->holders);
    if (--file->holders)
        return;
    if (file->ops->release)
        file->ops->release(file);
    inode_put(file->inode);
    heap_free(file->path);
    heap_free(file);
}

int64_t file_end(struct file *file)
{
    return file->ops->seek ? file->ops->seek(file, 0, SEEK_END) : (int64_t)file->inode->size;
}

struct file *file_of(int descriptor)
{
    return (unsigned)descriptor < FILE_COUNT ? descriptors[descriptor] : NULL;
}

int descriptor_install(struct file *file, int least, bool close_on_exec)
{
    for (int i = least; i < FILE_COUNT; i++)
        if (!descriptors[i]) {
            descriptors[i] = file;
            descriptor_set_closing(i, close_on_exec);
            return i;
        }
    return -EMFILE;
}

void descriptor_replace(int descriptor, struct file *file)
{
    if (descriptors[descriptor])
        file_put(descriptors[descriptor]);
    descriptors[descriptor] = file;
    descriptor_set_closing(descriptor, false);
}

bool descriptor_closing(int descriptor)
{
    return closing[descriptor / 64] >> descriptor % 64 & 1;
}

void descriptor_set_closing(int descriptor, bool on)
{
    uint64_t bit = UINT64_C(1) << descriptor % 64;

    closing[descriptor / 64] = (closing[descriptor / 64] & ~bit) | (on ? bit : 0);
}

static void standard_open(int descriptor, const char *path, unsigned flags)
{
    struct inode *inode = path_inode(path);
    int error = -ENOENT;
    struct file *file = inode ? file_open(inode, flags, &error) : NULL;

    if (!file)
        panic("%s cannot be opened as descriptor %d: error %d", path, descriptor, error);
    descriptor_replace(descriptor, file);
}

void descriptor_init(const char *standard_input)
{
    if (!path_inode(standard_input)) {
        log_error("the standard input %s is not in the initrd: /dev/null instead", standard_input);
        standard_input = "/dev/null";
    }
    standard_open(0, standard_input, O_RDONLY);
    standard_open(1, "/dev/console", O_WRONLY);
    standard_open(2, "/dev/console", O_WRONLY);
}
