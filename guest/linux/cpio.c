/* SPDX-License-Identifier: BSD-2-Clause */
/* The initrd: a cpio archive in the "newc" format, as for Linux.
 *
 * The archive lies in memory, in whole pages of ours. A file whose contents begin on a page keeps them
 * there (its pages are adopted; whoever packs the archive pads names to make it so); others are copied.
 * All pages that nothing adopted are free afterwards.
 */
#include "guest/linux/file.h"
#include "guest/mm/page.h"

struct header { /* 110 bytes of hexadecimal text */
    char magic[6], inode[8], mode[8], owner[8], group[8], links[8], modified[8], size[8];
    char device_major[8], device_minor[8], rdev_major[8], rdev_minor[8], name_size[8], check[8];
};

struct member {
    uint32_t mode, size, name_size, modified, links, inode;
    const char *name;
    char *data;
    char *next;
};

static uint32_t hex8(const char *text)
{
    uint32_t value = 0;

    for (int i = 0; i < 8; i++) {
        char c = text[i];

        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static char *align4(char *archive, char *at)
{
    return archive + (((size_t)(at - archive) + 3) & ~(size_t)3);
}

static bool member_parse(char *archive, size_t size, char *at, struct member *member)
{
    const struct header *header = (const struct header *)at;
    size_t left = size - (size_t)(at - archive);

    if (left < sizeof *header || memcmp(header->magic, "07070", 5) != 0 ||
        (header->magic[5] != '1' && header->magic[5] != '2'))
        return false;
    member->mode = hex8(header->mode);
    member->size = hex8(header->size);
    member->name_size = hex8(header->name_size);
    member->modified = hex8(header->modified);
    member->links = hex8(header->links);
    member->inode = hex8(header->inode);
    member->name = at + sizeof *header;
    if (!member->name_size || member->name_size > left - sizeof *header ||
        member->name[member->name_size - 1])
        return false;
    member->data = align4(archive, at + sizeof *header + member->name_size);
    if (member->data > archive + size || member->size > (size_t)(archive + size - member->data))
        return false;
    member->next = align4(archive, member->data + member->size);
    return true;
}

static bool data_adoptable(const char *data)
{
    return ((uintptr_t)data & (PAGE_SIZE - 1)) == 0;
}

static void tail_clear(char *tail)
{
    memset(tail, 0, (size_t)(page_up((uint64_t)tail) - (uint64_t)tail));
}

/* Fill `inode` with `size` bytes at `data`: by adopting the pages, or by copying. */
static bool contents_take(struct inode *inode, char *data, uint64_t size)
{
    bool adopt = data_adoptable(data);

    for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
        void **slot = page_tree_slot(&inode->pages, at >> PAGE_SHIFT, true);
        size_t part = MIN(size - at, PAGE_SIZE);

        if (!slot)
            return false;
        if (adopt) {
            *slot = page_address(page_pfn(data + at));
            page_ref(*slot);
        } else {
            *slot = page_alloc_zeroed();
            if (!*slot)
                return false;
            memcpy(*slot, data + at, part);
        }
    }
    inode->size = size;
    return true;
}

/* Members of one inode number and several links share their contents, which the last of them carries. */
static struct inode *hard_links[64];
static uint32_t hard_link_numbers[64];
static unsigned hard_link_count;

static struct inode *hard_link_find(uint32_t number)
{
    for (unsigned i = 0; i < hard_link_count; i++)
        if (hard_link_numbers[i] == number)
            return hard_links[i];
    return NULL;
}

static struct inode *member_make(const struct member *member)
{
    struct inode *shared = S_ISREG(member->mode) && member->links > 1
                               ? hard_link_find(member->inode)
                               : NULL;

    if (!shared) {
        struct inode *inode = file_make(member->name, member->mode);

        if (inode && S_ISREG(member->mode) && member->links > 1 &&
            hard_link_count < ARRAY_SIZE(hard_links)) {
            hard_links[hard_link_count] = inode;
            hard_link_numbers[hard_link_count++] = member->inode;
        }
        return inode;
    }

    const char *slash = strrchr(member->name, '/');
    const char *last = slash ? slash + 1 : member->name;
    char directory[FILE_NAME_MAX + 1];
    struct inode *parent = file_root;

    if (slash) {
        if ((size_t)(slash - member->name) >= sizeof directory)
            return NULL;
        memcpy(directory, member->name, (size_t)(slash - member->name));
        directory[slash - member->name] = '\0';
        parent = file_make(directory, S_IFDIR | 0755);
    }
    return parent && !directory_add(parent, last, strlen(last), shared) ? shared : NULL;
}

static bool member_unpack(const struct member *member)
{
    struct inode *inode;

    if (!S_ISREG(member->mode) && !S_ISDIR(member->mode) && !S_ISLNK(member->mode))
        return true; /* devices are the kernel's own business */
    inode = member_make(member);
    if (!inode)
        return false;
    inode->mode = (inode->mode & S_IFMT) | (member->mode & 07777);
    inode->modified = inode->changed = inode->accessed = member->modified * UINT64_C(1000000000);
    if (S_ISREG(inode->mode) && inode->ops == &file_regular_ops && member->size)
        return inode->size == 0 && contents_take(inode, member->data, member->size);
    if (S_ISLNK(inode->mode) && !inode->target) {
        if (member->size >= PAGE_SIZE)
            return false;
        inode->target = heap_alloc(member->size + 1);
        if (!inode->target)
            return false;
        memcpy(inode->target, member->data, member->size);
        inode->size = member->size;
    }
    return true;
}

void cpio_unpack(char *archive, size_t size)
{
    struct member member = {.next = archive};
    char *tail =
        NULL; /* the rest of an adopted file's last page, which holds members yet to be read */
    size_t files = 0;

    hard_link_count = 0;
    page_adopt(archive, page_up(size) >> PAGE_SHIFT);
    for (;;) {
        char *at = member.next;

        /* Between members, zeros: archives may be padded and joined. */
        while (at + 4 <= archive + size && memcmp(at, "\0\0\0\0", 4) == 0)
            at += 4;
        if (at + 4 > archive + size)
            break;
        if (!member_parse(archive, size, at, &member)) {
            log_error("the initrd is no cpio archive (newc) at byte %lu of %lu",
                      (unsigned long)(at - archive), size);
            break;
        }
        if (strcmp(member.name, "TRAILER!!!") == 0)
            continue;
        if (!member_unpack(&member))
            log_error("the initrd's %s cannot be unpacked: no memory, or it is there twice",
                      member.name);
        files++;
        if (tail && (uint64_t)member.next >= page_up((uint64_t)tail)) {
            tail_clear(tail);
            tail = NULL;
        }
        if (data_adoptable(member.data) && S_ISREG(member.mode) && member.size % PAGE_SIZE)
            tail = member.data + member.size;
    }
    if (tail)
        tail_clear(tail);
    for (size_t at = 0; at < size; at += PAGE_SIZE)
        page_put(page_address(page_pfn(archive + at)));
    log_info("initrd: %lu bytes, %lu members", size, files);
}
