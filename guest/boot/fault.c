/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/fault.h"
#include "guest/boot/backtrace.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/mm/vm.h"

#include <asm/signal.h>

static void registers_show(const struct registers *r)
{
    log_error("rip %016lx rsp %016lx rbp %016lx rflags %08lx", r->rip, r->rsp, r->rbp, r->rflags);
    log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_error("rsi %016lx rdi %016lx r8  %016lx r9  %016lx", r->rsi, r->rdi, r->r8, r->r9);
    log_error("r10 %016lx r11 %016lx r12 %016lx r13 %016lx", r->r10, r->r11, r->r12, r->r13);
    log_error("r14 %016lx r15 %016lx", r->r14, r->r15);
}

static const char *address_kind(uint64_t address, int code)
{
    struct area *area = vm_find(address);

    if (address < VM_MIN)
        return "a null pointer";
    if (code == SEGV_ACCERR)
        return "memory whose protection forbids it";
    if (area && area->stack && area->start - address <= 64 << 10)
        return "below the stack, which has overflowed";
    return "memory that is not mapped";
}

/* The cause in words. */
static void cause_show(const struct registers *r, int signal, const siginfo_t *info)
{
    uint64_t address = (uint64_t)info->si_addr;
    const char *access = r->error & PAGE_FAULT_FETCH   ? "executing"
                         : r->error & PAGE_FAULT_WRITE ? "writing"
                                                       : "reading";

    if (info->si_code == SI_USER || info->si_code == SI_TKILL)
        log_error("%s: %s (raised by the program)", process.name, signal_name(signal));
    else if (r->vector == VECTOR_PAGE && signal == SIGSEGV)
        log_error("%s: SIGSEGV: %s 0x%lx: %s", process.name, access, address,
                  address_kind(address, info->si_code));
    else if (r->vector == VECTOR_PAGE && signal == SIGBUS)
        log_error("%s: SIGBUS: %s 0x%lx: beyond the end of the mapped file", process.name, access,
                  address);
    else if (signal == SIGFPE)
        log_error("%s: SIGFPE: %s at 0x%lx", process.name,
                  info->si_code == FPE_INTDIV   ? "integer division by zero"
                  : info->si_code == FPE_FLTDIV ? "floating-point division by zero"
                  : info->si_code == FPE_FLTOVF ? "floating-point overflow"
                  : info->si_code == FPE_FLTINV ? "invalid floating-point operation"
                                                : "arithmetic exception",
                  r->rip);
    else if (signal == SIGILL)
        log_error("%s: SIGILL: invalid instruction at 0x%lx", process.name, r->rip);
    else if (signal == SIGALRM)
        log_error("%s: SIGALRM: the alarm went off and no handler is set", process.name);
    else
        log_error("%s: %s: exception %lu at 0x%lx, error code 0x%lx", process.name,
                  signal_name(signal), r->vector, r->rip, r->error);
}

void fault_report(const struct registers *registers, int signal, const siginfo_t *info)
{
    cause_show(registers, signal, info);
    if (signal == SIGALRM || signal == SIGTERM || signal == SIGINT || signal == SIGHUP ||
        signal == SIGPIPE || signal == SIGUSR1 || signal == SIGUSR2)
        return; /* ends that a program asked for */
    registers_show(registers);
    backtrace_show(registers);
}

void fault_kernel(const struct registers *registers, uint64_t address)
{
    log_error("kernel error: exception %lu, error code 0x%lx, address 0x%lx (addr2line -e "
              "caravan-guest.debug tells the lines)",
              registers->vector, registers->error, address);
    registers_show(registers);
    for (uint64_t sp = registers->rsp & ~7ul, shown = 0; shown < 16 && sp % 32768; sp += 8) {
        uint64_t word = *(const uint64_t *)sp;
        extern const char boot_entry[], extable_begin[];

        if (word > (uint64_t)boot_entry && word < (uint64_t)extable_begin) {
            log_error("  on the stack: 0x%lx", word);
            shown++;
        }
    }
    panic("the kernel faulted at 0x%lx", registers->rip);
}
