/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes and directories. */
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/user.h"
#include "guest/boot/trap.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/xen/time.h"

struct inode *file_root, *file_directory;

uint64_t file_now(void)
{
    return time_now() + time_wall_offset();
}

/* A symbolic link can be opened (O_PATH), and nothing can be done with it then. */
static const struct file_ops link_ops;

struct inode *inode_create(uint32_t mode)
{
    static uint64_t next_number = 1; /* unique: ld.so knows a library by device and inode number */
    struct inode *inode = heap_alloc(sizeof *inode);

    if (!inode)
        return NULL;
    inode->mode = mode;
    inode->number = next_number++;
    inode->accessed = inode->modified = inode->changed = file_now();
    if (S_ISDIR(mode))
        inode->ops = &file_directory_ops;
    else if (S_ISREG(mode))
        inode->ops = &file_regular_ops;
    else
        inode->ops = &link_ops; /* what is not a link gets its own from who makes it */
    return inode;
}

void inode_hold(struct inode *inode)
{
    inode->holders++;
}

static void inode_release(struct inode *inode)
{
    if (inode->links || inode->holders)
        return;
    if (S_ISREG(inode->mode) && (inode->ops == &file_regular_ops || inode->ops == &host_file_ops))
        page_tree_drop(&inode->pages, 0, PAGE_TREE_MAX);
    else if (S_ISLNK(inode->mode))
        heap_free(inode->target);
    heap_free(inode);
}

void inode_put(struct inode *inode)
{
    assert(inode->holders);
    inode->holders--;
    inode_release(inode);
}

static uint32_t name_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

struct entry *directory_entry(struct inode *directory, const char *name, size_t length)
{
    uint32_t hash = name_hash(name, length);

    for (struct entry *entry = directory->entries; entry; entry = entry->next)
        if (entry->hash == hash && entry->length == length &&
            memcmp(entry->name, name, length) == 0)
            return entry;
    return NULL;
}

struct inode *directory_find(struct inode *directory, const char *name, size_t length)
{
    struct entry *entry = directory_entry(directory, name, length);

    return entry ? entry->inode : NULL;
}

int directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode)
{
    struct entry *entry, **last = &directory->entries;

    if (length > FILE_NAME_MAX)
        return -ENAMETOOLONG;
    entry = heap_alloc(sizeof *entry + length + 1);
    if (!entry)
        return -ENOSPC;
    entry->inode = inode;
    entry->hash = name_hash(name, length);
    entry->length = (uint16_t)length;
    memcpy(entry->name, name, length);
    /* At the end, so that a directory that grows while it is read is read completely. */
    while (*last)
        last = &(*last)->next;
    *last = entry;
    inode->links++;
    inode->changed = directory->modified = directory->changed = file_now();
    if (S_ISDIR(inode->mode))
        inode->parent = directory;
    return 0;
}

void directory_remove(struct inode *directory, struct entry *entry)
{
    struct entry **link = &directory->entries;
    struct inode *inode = entry->inode;

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    heap_free(entry);
    inode->links--;
    directory->modified = directory->changed = inode->changed = file_now();
    if (S_ISDIR(inode->mode))
        inode->parent = NULL;
    inode_release(inode);
}

int directory_path(struct inode *directory, char *path, size_t size)
{
    size_t at = size - 1, length;

    path[at] = '\0';
    if (directory == file_root)
        path[--at] = '/';
    for (; directory != file_root; directory = directory->parent) {
        struct entry *entry;

        if (!directory->parent)
            return -ENOENT;
        for (entry = directory->parent->entries; entry->inode != directory; entry = entry->next)
            ;
        if (at < (size_t)entry->length + 1)
            return -ERANGE;
        at -= entry->length;
        memcpy(path + at, entry->name, entry->length);
        path[--at] = '/';
    }
    length = size - 1 - at;
    memmove(path, path + at, length + 1);
    return (int)length;
}

struct inode *file_make(const char *path, uint32_t mode)
{
    struct inode *directory = file_root;

    for (;;) {
        const char *slash;
        size_t length;
        struct inode *inode;

        while (*path == '/')
            path++;
        slash = strchr(path, '/');
        length = slash ? (size_t)(slash - path) : strlen(path);
        if (!length)
            return directory;
        inode = directory_find(directory, path, length);
        if (!inode) {
            inode = inode_create(slash ? S_IFDIR | 0755 : mode);
            if (!inode)
                return NULL;
            if (directory_add(directory, path, length, inode)) {
                heap_free(inode);
                return NULL;
            }
        }
        if (!slash)
            return inode;
        if (!S_ISDIR(inode->mode))
            return NULL;
        directory = inode;
        path = slash;
    }
}

void file_tree_init(void)
{
    file_root = inode_create(S_IFDIR | 0755);
    if (!file_root)
        panic("no memory for the file tree");
    file_root->parent = file_root;
    file_root->links = 1;
    file_directory = file_root;
    inode_hold(file_root);
    file_make("/tmp", S_IFDIR | 01777);
}

int inode_truncate(struct inode *inode, uint64_t size)
{
    if (size > PAGE_TREE_MAX << PAGE_SHIFT)
        return -EFBIG;
    if (!seals_allow_size(inode, size))
        return -EPERM;
    if (size < inode->size) {
        uint64_t first = page_up(size) >> PAGE_SHIFT;
        void *last = size % PAGE_SIZE ? page_tree_get(&inode->pages, size >> PAGE_SHIFT) : NULL;

        vm_truncate(inode, first);
        page_tree_drop(&inode->pages, first, PAGE_TREE_MAX);
        if (last) /* what lay beyond the end must not come back when the file grows */
            memset((char *)last + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
    }
    inode->size = size;
    inode->modified = inode->changed = file_now();
    return 0;
}

ssize_t inode_read(struct inode *inode, void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;

    if (offset >= inode->size)
        return 0;
    count = MIN(count, inode->size - offset);
    while (done < count) {
        uint64_t at = offset + done;
        size_t part = MIN(count - done, PAGE_SIZE - at % PAGE_SIZE), left;
        const char *page = page_tree_get(&inode->pages, at >> PAGE_SHIFT);

        left = page ? user_copy((char *)bytes + done, page + at % PAGE_SIZE, part)
                    : user_clear((char *)bytes + done, part);
        done += part - left;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
    }
    return (ssize_t)done;
}

static ssize_t regular_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    return inode_read(file->inode, bytes, count, offset);
}

static ssize_t regular_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    struct inode *inode = file->inode;
    size_t done = 0;
    int error = 0;

    if (offset + count > PAGE_TREE_MAX << PAGE_SHIFT || offset + count < offset)
        return -EFBIG;
    if (!seals_allow_write(inode))
        return -EPERM;
    if (!seals_allow_size(inode, MAX(inode->size, offset + count))) {
        uint64_t end = page_down(inode->size); /* as Linux: page by page */

        if (offset >= end)
            return -EPERM;
        count = end - offset;
    }
    while (done < count) {
        uint64_t at = offset + done;
        size_t part = MIN(count - done, PAGE_SIZE - at % PAGE_SIZE), left;
        void **slot = page_tree_slot(&inode->pages, at >> PAGE_SHIFT, true);

        if (!slot || (!*slot && !(*slot = page_alloc_zeroed()))) {
            error = -ENOSPC;
            break;
        }
        left = user_copy((char *)*slot + at % PAGE_SIZE, (const char *)bytes + done, part);
        done += part - left;
        if (left) {
            error = -EFAULT;
            break;
        }
    }
    if (done) {
        inode->size = MAX(inode->size, offset + done);
        inode->modified = inode->changed = file_now();
    }
    return done ? (ssize_t)done : error;
}

const struct file_ops file_regular_ops = {
    .read = regular_read,
    .write = regular_write,
};

static ssize_t directory_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    return -EISDIR;
}

const struct file_ops file_directory_ops = {
    .read = directory_read,
};

/* Generated text is made at every read: it may change between two, as Linux's does. */
static ssize_t text_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    static char text[8 * PAGE_SIZE];
    size_t length = MIN(file->inode->text(text, sizeof text), sizeof text), left;

    if (offset >= length)
        return 0;
    count = MIN(count, length - offset);
    left = user_copy(bytes, text + offset, count);
    return left && left == count ? -EFAULT : (ssize_t)(count - left);
}

const struct file_ops file_text_ops = {
    .read = text_read,
};
