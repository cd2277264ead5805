/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/trap.h: what an entry into the kernel leaves on its stack, and what handles it. */
#ifndef GUEST_BOOT_TRAP_H
#define GUEST_BOOT_TRAP_H

#include "guest/kernel.h"

/* In the order of boot/entry.S, lowest address first. rip to ss is Xen's frame. */
struct registers {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector; /* VECTOR_... or that of the exception */
    uint64_t error;  /* the exception's error code */
    uint64_t rip, cs, rflags, rsp, ss;
};

enum {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUNDS = 5,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_NO_FPU = 7,
    VECTOR_STACK = 12,
    VECTOR_PROTECTION = 13,
    VECTOR_PAGE = 14,
    VECTOR_FPU = 16,
    VECTOR_ALIGNMENT = 17,
    VECTOR_SIMD = 19,
    VECTOR_SYSCALL = 256,
};

#define PAGE_FAULT_PRESENT 1
#define PAGE_FAULT_WRITE   2
#define PAGE_FAULT_FETCH   16

/* rflags a program may change by popf, sigreturn or in a frame: the arithmetic flags, TF, DF, NT,
 * AC and ID. IF stays clear: Xen takes the upcall mask from it. */
#define RFLAGS_USER  0x0000000000244dd5ul
#define RFLAGS_FIXED 0x2ul

#define USER_CS 0xe033
#define USER_SS 0xe02b

static inline bool registers_user(const struct registers *registers)
{
    return (registers->cs & 3) == 3;
}

void trap_init(void);

/* Called by boot/entry.S. syscall_handle returns true when rax alone has changed in `registers`. */
void trap_handle(struct registers *registers);
bool syscall_handle(struct registers *registers);

void user_enter(const struct registers *registers) __attribute__((noreturn));

/* Copies between the kernel and the process, boot/entry.S. The caller has checked that the user's
 * range lies below USER_TOP (linux/user.h does). */
size_t user_copy(void *to, const void *from, size_t length);
size_t user_clear(void *to, size_t length);
ssize_t user_string(char *to, const char *from, size_t size);

#endif
