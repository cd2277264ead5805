// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: the file behind a backtrace: its headers, symbols and unwind tables may be anything, and
 * so may the stack. Whatever comes, the kernel stays inside its buffers and comes to an end.
 *
 * Input: 16 bytes (where in the file the program counter is, and the stack's contents), then the file.
 */
#include "guest/boot/image.h"
#include "guest/boot/trap.h"
#include "guest/boot/unwind.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/mm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CODE  UINT64_C(0x555555554000)
#define STACK UINT64_C(0x7fffffff0000)

static const uint8_t *contents;
static struct inode inode = {.mode = S_IFREG};
static struct file file = {.inode = &inode};
static struct area area = {.start = CODE, .file = &file};
static uint64_t stack_word;

struct process process;

struct area *vm_find(uint64_t address)
{
    return &area;
}

ssize_t inode_read(struct inode *from, void *to, size_t count, uint64_t offset)
{
    if (offset >= from->size)
        return 0;
    count = MIN(count, from->size - offset);
    memcpy(to, contents + offset, count);
    return (ssize_t)count;
}

/* The process's stack: one word, over and over; other memory is not mapped. */
size_t user_copy(void *to, const void *from, size_t length)
{
    uint64_t at = (uint64_t)from;

    if (at < STACK || at >= STACK + 65536 || length != 8)
        return length;
    memcpy(to, &stack_word, 8);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct image image;
    struct unwind frame;
    char name[64];
    uint64_t pc, distance;

    if (size < 16)
        return 0;
    memcpy(&pc, bytes, 8);
    memcpy(&stack_word, bytes + 8, 8);
    contents = bytes + 16;
    inode.size = size - 16;
    area.end = area.start + page_up(inode.size);
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        frame.value[i] = STACK + 8 * (uint64_t)i;
    for (int i = 0; i < 8; i++) {
        uint64_t address = CODE + pc % (inode.size + 1);

        if (!image_find(address, &image))
            break;
        if (image_symbol(&image, address, name, sizeof name, &distance) &&
            !memchr(name, '\0', sizeof name))
            __builtin_trap();
        if (!unwind_step(&image, address, &frame))
            break;
        pc = frame.value[UNWIND_RIP];
    }
    return 0;
}
