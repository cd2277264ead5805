/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of system calls and the way through it. Hot: syscall_handle. */
#include "guest/linux/syscall.h"
#include "guest/boot/trap.h"
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"

#include <asm/unistd.h>

struct registers *user_registers;

/* Functions of fewer arguments stand here as functions of six: by the ABI they find theirs in the
 * registers all the same. void (*)(void) is the one type that C lets stand for any function. */
#define ENTRY(name) [__NR_##name] = (void (*)(void))sys_##name,

static void (*const table[])(void) = {SYSCALLS(ENTRY)};

/* Calls that are not served: each is named once, since a program may not say why it gives up. */
static long syscall_unknown(uint64_t number)
{
    static uint64_t named[16];

    if (number < 64 * ARRAY_SIZE(named)) {
        if (named[number / 64] >> number % 64 & 1)
            return -ENOSYS;
        named[number / 64] |= UINT64_C(1) << number % 64;
    }
    log_warning("system call %lu is not served (rip 0x%lx)", number, user_registers->rip);
    return -ENOSYS;
}

bool syscall_handle(struct registers *registers)
{
    uint64_t number = registers->rax;

    user_registers = registers;
    counters.system_calls++;
    registers->error = number;
    if (likely(number < ARRAY_SIZE(table) && table[number]))
        registers->rax = (uint64_t)((syscall_function *)table[number])(
            registers->rdi, registers->rsi, registers->rdx, registers->r10, registers->r8,
            registers->r9);
    else
        registers->rax = (uint64_t)syscall_unknown(number);
    channel_look();
    if (unlikely(signal_attention))
        signal_deliver(registers);
    /* The short way back loses what sigreturn and handlers change. */
    return registers->vector == VECTOR_SYSCALL && registers->rip == registers->rcx;
}
