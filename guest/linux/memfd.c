/* SPDX-License-Identifier: BSD-2-Clause */
/* memfd_create(2): a regular file that no directory has, and the seals that can be put on it. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"

#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>

#define PREFIX   "/memfd:"
#define SUFFIX   " (deleted)" /* as /proc shows it on Linux */
#define NAME_MAX (FILE_NAME_MAX - (sizeof PREFIX - 2))
#define SEALS    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static char *path_of(const char *name, size_t length)
{
    char *path = heap_alloc(sizeof PREFIX + length + sizeof SUFFIX);

    if (!path)
        return NULL;
    memcpy(path, PREFIX, sizeof PREFIX - 1);
    memcpy(path + sizeof PREFIX - 1, name, length);
    memcpy(path + sizeof PREFIX - 1 + length, SUFFIX, sizeof SUFFIX);
    return path;
}

long sys_memfd_create(const char *user_name, unsigned flags)
{
    char name[NAME_MAX + 1];
    ssize_t length = user_text(name, user_name, sizeof name);
    struct inode *inode;
    struct file *file;
    int error, descriptor;

    if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL; /* MFD_HUGETLB too: there are no large pages */
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    inode = inode_create(S_IFREG | 0777);
    if (!inode)
        return -ENOMEM;
    inode->sealable = true;
    inode->seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
    inode_hold(inode); /* over the failure below */
    file = file_open(inode, O_RDWR, &error);
    inode_put(inode);
    if (!file)
        return error;
    file->path = path_of(name, (size_t)length);
    descriptor = descriptor_install(file, 0, flags & MFD_CLOEXEC);
    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

/* Whether the process maps it so that stores reach it, or could after mprotect. */
static bool mapped_writable(const struct inode *inode)
{
    for (struct area *area = vm_first(); area; area = area->next)
        if (area->shared && area->file && area->file->inode == inode &&
            (area->file->flags & O_ACCMODE) == O_RDWR)
            return true;
    return false;
}

long seals_get(const struct file *file)
{
    return file->inode->sealable ? (long)file->inode->seals : -EINVAL;
}

long seals_add(struct file *file, unsigned seals)
{
    struct inode *inode = file->inode;

    if (!inode->sealable)
        return -EINVAL;
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EPERM;
    if (seals & ~(unsigned)SEALS)
        return -EINVAL;
    if (inode->seals & F_SEAL_SEAL)
        return -EPERM;
    if (seals & ~inode->seals & F_SEAL_WRITE && mapped_writable(inode))
        return -EBUSY;
    inode->seals |= seals;
    return 0;
}

bool seals_allow_size(const struct inode *inode, uint64_t size)
{
    return !(size > inode->size && inode->seals & F_SEAL_GROW) &&
           !(size < inode->size && inode->seals & F_SEAL_SHRINK);
}

bool seals_allow_write(const struct inode *inode)
{
    return !(inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

bool seals_allow_mapping(const struct file *file, unsigned prot)
{
    unsigned seals = file->inode->seals;

    /* Linux refuses also one that can only be read, where mprotect could change that. */
    if (seals & F_SEAL_WRITE && (file->flags & O_ACCMODE) == O_RDWR)
        return false;
    return !(seals & F_SEAL_FUTURE_WRITE && prot & PROT_WRITE);
}
