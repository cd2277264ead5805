/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/unwind.h: one step up the call chain, by the tables of .eh_frame (DWARF 5 section 6.4; the LSB's
 * "Exception Frames"). Debian's programs keep no frame pointers. */
#ifndef GUEST_BOOT_UNWIND_H
#define GUEST_BOOT_UNWIND_H

#include "guest/boot/image.h"

/* The registers by their DWARF numbers: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15, the return address. */
#define UNWIND_REGISTERS 17
#define UNWIND_RSP       7
#define UNWIND_RIP       16

struct unwind {
    uint64_t value[UNWIND_REGISTERS];
};

/* Change `frame` to the caller's. `address`: inside the call instruction. False: the tables do not tell, or
 * the stack cannot be read. */
bool unwind_step(const struct image *image, uint64_t address, struct unwind *frame);

#endif
