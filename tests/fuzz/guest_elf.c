// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: the program that the guest loads, and its interpreter. Whatever the files are, the loader
 * maps inside the room it reserved for each and from within the file, writes to memory that it mapped for
 * writing, and ends with registers or an error.
 *
 * Input: 4 bytes, the length of the program; the program; its interpreter.
 */
#include "guest/boot/boot.h"
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"

#include <linux/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);

#define RESERVATIONS 3 /* program, interpreter, stack */
#define WRITABLE     256
#define HEAP         16

struct range {
    uint64_t start, end;
};

/* Program and interpreter. */
static struct inode inodes[2] = {{.mode = S_IFREG}, {.mode = S_IFREG}};
static struct file files[2] = {{.inode = &inodes[0]}, {.inode = &inodes[1]}};
static const uint8_t *contents[2];
static unsigned opened;
static struct range reserved[RESERVATIONS], writable[WRITABLE];
static unsigned reserved_count, writable_count;
static void *heap[HEAP];
static unsigned heap_count;

struct process process;
struct cpu cpu;
struct inode *file_directory;
enum log_level log_level;

void log_print(enum log_level level, const char *format, ...)
{
}

void *heap_alloc(size_t size)
{
    if (heap_count == HEAP)
        return NULL;
    return heap[heap_count++] = calloc(1, size);
}

/* What is put on the stack, one row at a time: all of it goes with its first page. */
static void *row;

void *page_alloc_row(size_t count)
{
    row = calloc(count, PAGE_SIZE);
    return row;
}

void page_put(void *page)
{
    if (page != row)
        return;
    free(row);
    row = NULL;
}

/* Every name is the program at first, and then the interpreter (its own, or a script's). */
int path_find(struct inode *start, const char *name, bool follow, struct path *path)
{
    if (strnlen(name, FILE_PATH_MAX) == FILE_PATH_MAX)
        __builtin_trap();
    path->inode = &inodes[opened > 0];
    return 0;
}

struct file *file_open(struct inode *inode, unsigned flags, int *error)
{
    opened++;
    return &files[inode - inodes];
}

void file_put(struct file *file)
{
}

struct inode *file_make(const char *path, uint32_t mode)
{
    return NULL;
}

char *name_absolute(const struct path *path)
{
    return NULL;
}

ssize_t inode_read(struct inode *inode, void *to, size_t count, uint64_t offset)
{
    if (offset >= inode->size)
        return 0;
    count = MIN(count, inode->size - offset);
    memcpy(to, contents[inode - inodes] + offset, count);
    return (ssize_t)count;
}

static bool inside(const struct range *ranges, unsigned count, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < count; i++)
        if (start >= ranges[i].start && end <= ranges[i].end)
            return true;
    return false;
}

/* A reservation is anonymous and without protection, or the stack. All else goes into one. */
int64_t vm_map(uint64_t address, uint64_t length, unsigned prot, unsigned flags, struct file *file,
               uint64_t offset)
{
    bool reservation = flags & MAP_NORESERVE;

    if (!length || address & ~PAGE_MASK || offset & ~PAGE_MASK)
        __builtin_trap();
    if (length > USER_TOP)
        return -ENOMEM;
    length = page_up(length);
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        if (length > VM_MMAP_TOP - VM_PIE_BASE)
            return -ENOMEM;
        address = VM_MMAP_TOP - length;
    }
    if (address > USER_TOP || length > USER_TOP - address)
        return -ENOMEM;
    if (address < VM_MIN)
        return -EPERM;
    if (reservation) {
        for (unsigned i = 0; i < reserved_count; i++)
            if (address < reserved[i].end && reserved[i].start < address + length)
                return -EEXIST;
        if (reserved_count == RESERVATIONS)
            __builtin_trap();
        reserved[reserved_count++] = (struct range){address, address + length};
    } else if (!inside(reserved, reserved_count, address, address + length)) {
        __builtin_trap();
    }
    if (file && offset + length > page_up(file->inode->size))
        __builtin_trap();
    if (prot & PROT_WRITE && writable_count < WRITABLE)
        writable[writable_count++] = (struct range){address, address + length};
    return (int64_t)address;
}

int vm_unmap(uint64_t address, uint64_t length)
{
    struct range *last = &reserved[reserved_count - 1];

    /* Only what stands over at either end. */
    if (address == last->start && length < last->end - last->start)
        last->start += length;
    else if (address > last->start && address + length == last->end)
        last->end = address;
    else
        __builtin_trap();
    return 0;
}

void vm_name(uint64_t start, const char *name, bool stack)
{
}

void vm_brk_init(uint64_t start)
{
    if (start > USER_TOP)
        __builtin_trap();
}

uint64_t vdso_map(void)
{
    return 0;
}

void random_bytes(void *bytes, size_t count)
{
    memset(bytes, 1, count);
}

size_t user_copy(void *to, const void *from, size_t length)
{
    if (!inside(writable, writable_count, (uint64_t)to, (uint64_t)to + length))
        __builtin_trap();
    return 0;
}

size_t user_clear(void *to, size_t length)
{
    return user_copy(to, NULL, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *arguments[2 + PROCESS_SPARE], *variables[1];
    struct registers registers;
    uint32_t length;

    if (size < sizeof length)
        return 0;
    memcpy(&length, bytes, sizeof length);
    bytes += sizeof length;
    size -= sizeof length;
    inodes[0].size = MIN((size_t)length, size);
    inodes[1].size = size - inodes[0].size;
    contents[0] = bytes;
    contents[1] = bytes + inodes[0].size;
    opened = reserved_count = writable_count = 0;
    process.stack_size = 8 << 20;
    arguments[0] = "/program";
    arguments[1] = NULL;
    process.program = arguments[0];
    process.arguments = arguments;
    process.environment = variables;

    if (process_load(&registers) == 0 &&
        (registers.rsp & 15 || registers.rsp >= VM_STACK_TOP || registers.cs != USER_CS ||
         registers.ss != USER_SS || registers.rflags != RFLAGS_FIXED))
        __builtin_trap();
    while (heap_count)
        free(heap[--heap_count]);
    return 0;
}
