/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/backtrace.h"
#include "guest/boot/image.h"
#include "guest/boot/unwind.h"
#include "guest/linux/user.h"

#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#define FRAMES_MAX 64

static void frame_show(unsigned number, uint64_t address, bool called)
{
    struct image image;
    char name[128];
    uint64_t distance;

    if (!image_find(address, &image))
        log_error("#%-2u 0x%016lx, in no file", number, address);
    else if (image_symbol(&image, address - called, name, sizeof name, &distance))
        log_error("#%-2u 0x%016lx %s+0x%lx in %s (0x%lx)", number, address, name, distance + called,
                  image.path, address - image.base);
    else
        log_error("#%-2u 0x%016lx in %s (0x%lx)", number, address, image.path,
                  address - image.base);
}

/* Is this the C library's return from a handler: mov $15, %rax; syscall? Then what was interrupted lies in
 * the signal's frame, just above (linux/signal.c). */
static bool signal_frame(struct unwind *frame)
{
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    static struct ucontext context;
    const struct sigcontext_64 *machine = (const struct sigcontext_64 *)&context.uc_mcontext;
    uint8_t found[sizeof code];

    if (user_read(found, (void *)frame->value[UNWIND_RIP], sizeof found) ||
        memcmp(found, code, sizeof code) != 0 ||
        user_read(&context, (void *)frame->value[UNWIND_RSP], sizeof context))
        return false;
    *frame = (struct unwind){{machine->ax, machine->dx, machine->cx, machine->bx, machine->si,
                              machine->di, machine->bp, machine->sp, machine->r8, machine->r9,
                              machine->r10, machine->r11, machine->r12, machine->r13, machine->r14,
                              machine->r15, machine->ip}};
    return true;
}

void backtrace_show(const struct registers *r)
{
    struct unwind frame = {{r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
                            r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip}};
    bool called = r->vector == VECTOR_SYSCALL; /* rip is behind the instruction, not at it */

    for (unsigned i = 0; i < FRAMES_MAX; i++) {
        uint64_t address = frame.value[UNWIND_RIP], sp = frame.value[UNWIND_RSP];
        struct image image;

        frame_show(i, address, called);
        if (signal_frame(&frame)) {
            log_error("    (a signal's handler was called here)");
            called = false;
            continue;
        }
        if (image_find(address, &image) && unwind_step(&image, address - called, &frame)) {
            if (frame.value[UNWIND_RSP] <= sp)
                return; /* nothing was called: the chain is broken, or goes round */
        } else if (i == 0 && address < 0x10000) {
            /* A call through a null pointer: the return address is on the stack. */
            if (user_read(&frame.value[UNWIND_RIP], (void *)sp, 8))
                return;
            frame.value[UNWIND_RSP] += 8;
        } else {
            return;
        }
        if (!frame.value[UNWIND_RIP])
            return;
        called = true;
    }
    log_error("... and more than %u callers", FRAMES_MAX);
}
