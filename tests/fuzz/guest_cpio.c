// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: the initrd. Whatever it is, the kernel reads nothing beyond its end, and each of its pages
 * is given back or belongs to a file.
 *
 * Input: the archive. It is laid out in pages, as Xen hands it over.
 */
#include "guest/linux/file.h"
#include "guest/mm/page.h"
#include "guest/mm/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);

#define FILES 64
#define PAGES 64

static char *archive;
static size_t archive_size;
static unsigned counts[PAGES];
static struct inode *files[FILES];
static unsigned file_count;
static struct inode root = {.mode = S_IFDIR};

struct inode *file_root = &root;
const struct file_ops file_regular_ops, file_directory_ops, file_text_ops;
enum log_level log_level;
const uint64_t *page_p2m;

void log_print(enum log_level level, const char *format, ...)
{
}

void panic(const char *format, ...)
{
    __builtin_trap();
}

void *heap_alloc(size_t size)
{
    return calloc(1, size);
}

static bool own(const void *page)
{
    return (const char *)page >= archive && (const char *)page < archive + archive_size;
}

void page_adopt(const void *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        counts[i] = 1;
}

void page_ref(void *page)
{
    counts[((char *)page - archive) / (ptrdiff_t)PAGE_SIZE]++;
}

void page_put(void *page)
{
    if (!own(page))
        free(page);
    else if (!counts[((char *)page - archive) / (ptrdiff_t)PAGE_SIZE]--)
        __builtin_trap();
}

void *page_alloc_zeroed(void)
{
    void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

    return page ? memset(page, 0, PAGE_SIZE) : NULL;
}

struct inode *file_make(const char *path, uint32_t mode)
{
    struct inode *inode;

    if (file_count == FILES)
        return NULL;
    inode = calloc(1, sizeof *inode);
    inode->mode = mode;
    inode->ops = S_ISREG(mode) ? &file_regular_ops : NULL;
    files[file_count++] = inode;
    return strlen(path) < FILE_PATH_MAX ? inode : NULL;
}

int directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode)
{
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size > PAGES * PAGE_SIZE || !size)
        return 0;
    /* To the byte: what lies behind the archive is not ours to read. Pages are adopted whole. */
    archive_size = page_up(size);
    archive = aligned_alloc(PAGE_SIZE, archive_size);
    memset(archive, 0, archive_size);
    memcpy(archive, bytes, size);
    cpio_unpack(archive, size);
    for (unsigned i = 0; i < file_count; i++) {
        struct inode *inode = files[i];

        if (S_ISREG(inode->mode))
            page_tree_drop(&inode->pages, 0, PAGE_TREE_MAX);
        else if (S_ISLNK(inode->mode))
            free(inode->target);
        free(inode);
    }
    file_count = 0;
    for (size_t i = 0; i < archive_size / PAGE_SIZE; i++)
        if (counts[i])
            __builtin_trap();
    free(archive);
    return 0;
}
