/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions: page faults are resolved, the program's others become signals, the kernel's own are
 * either copies from bad user memory (which have a landing place) or bugs. */
#include "guest/boot/trap.h"
#include "guest/boot/fault.h"
#include "guest/linux/channel.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/mm/vm.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/shared.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

#define MASK_EVENTS 4 /* trap_info.flags */

extern char kernel_stack_top[];
void syscall_entry(void);

struct landing {
    uint64_t fault, landing;
};
extern const struct landing extable_begin[], extable_end[];

#define VECTORS(X)                                                                                 \
    X(0, 0)                                                                                        \
    X(1, 0)                                                                                        \
    X(3, 3)                                                                                        \
    X(4, 3)                                                                                        \
    X(5, 0)                                                                                        \
    X(6, 0) X(7, 0) X(10, 0) X(11, 0) X(12, 0) X(13, 0) X(14, 0) X(16, 0) X(17, 0) X(18, 0) X(19, 0)

#define DECLARE(vector, dpl) void trap_##vector(void);
VECTORS(DECLARE)

void trap_init(void)
{
#define TRAP(number, dpl)                                                                          \
    {.vector = number,                                                                             \
     .flags = MASK_EVENTS | dpl,                                                                   \
     .cs = FLAT_KERNEL_CS,                                                                         \
     .address = (unsigned long)trap_##number},
    static const struct trap_info traps[] = {VECTORS(TRAP){.address = 0}};
    struct callback_register entry = {
        .type = CALLBACKTYPE_syscall,
        .flags = CALLBACKF_mask_events,
        .address = (unsigned long)syscall_entry,
    };

    if (xen_set_trap_table(traps) ||
        xen_stack_switch(FLAT_KERNEL_SS, (unsigned long)kernel_stack_top) ||
        xen_callback_op(CALLBACKOP_register, &entry))
        panic("Xen refuses the entry points");
}

/* Where a copy to or from user memory goes on after a fault. */
static bool landing_find(struct registers *registers)
{
    for (const struct landing *landing = extable_begin; landing < extable_end; landing++)
        if (landing->fault == registers->rip) {
            registers->rip = landing->landing;
            return true;
        }
    return false;
}

static void page_fault(struct registers *registers)
{
    uint64_t address = shared_info.vcpu_info[0].arch.cr2;
    bool user = registers_user(registers);
    int error = -EFAULT;

    counters.page_faults++;
    if (address < USER_TOP)
        error = vm_fault(address, registers->error & PAGE_FAULT_WRITE,
                         registers->error & PAGE_FAULT_FETCH);
    if (!error)
        return;
    if (!user) {
        /* A system call that was to write there: it is the memory that is wrong, not the address. */
        if (error == -ENOMEM && !channel_busy())
            process_out_of_memory();
        if (landing_find(registers))
            return;
        fault_kernel(registers, address);
    }
    switch (error) {
    case -ENOMEM:
        process_out_of_memory();
    case -ENXIO:
        signal_fault(registers, SIGBUS, BUS_ADRERR, address);
        break;
    default:
        signal_fault(registers, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, address);
    }
}

/* What the SSE unit objects to, by the pending and unmasked bits of MXCSR; x87 likewise by its own. */
static int float_code(uint32_t status)
{
    return status & 1    ? FPE_FLTINV
           : status & 4  ? FPE_FLTDIV
           : status & 8  ? FPE_FLTOVF
           : status & 18 ? FPE_FLTUND
           : status & 32 ? FPE_FLTRES
                         : 0;
}

static int simd_code(void)
{
    uint32_t control;

    asm volatile("stmxcsr %0" : "=m"(control));
    return float_code(control & ~(control >> 7));
}

static int x87_code(void)
{
    uint16_t status, control;

    asm volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
    return float_code(status & ~control);
}

void trap_handle(struct registers *registers)
{
    registers->rflags &= ~0x200ul; /* iret takes the upcall mask from IF: it stays set */
    registers->cs &= 0xffff;       /* the mask that was saved lies above */
    if (registers->vector == VECTOR_PAGE) {
        page_fault(registers);
    } else if (!registers_user(registers)) {
        if (registers->vector != VECTOR_PROTECTION || !landing_find(registers))
            fault_kernel(registers, 0);
        return;
    } else {
        switch (registers->vector) {
        case VECTOR_DIVIDE:
            signal_fault(registers, SIGFPE, FPE_INTDIV, registers->rip);
            break;
        case VECTOR_OVERFLOW:
        case VECTOR_BOUNDS:
            signal_fault(registers, SIGSEGV, SI_KERNEL, 0);
            break;
        case VECTOR_DEBUG:
            signal_fault(registers, SIGTRAP, TRAP_TRACE, registers->rip);
            break;
        case VECTOR_BREAKPOINT:
            signal_fault(registers, SIGTRAP, SI_KERNEL, 0);
            break;
        case VECTOR_INVALID_OPCODE:
            signal_fault(registers, SIGILL, ILL_ILLOPN, registers->rip);
            break;
        case VECTOR_FPU:
            signal_fault(registers, SIGFPE, x87_code(), registers->rip);
            break;
        case VECTOR_SIMD:
            signal_fault(registers, SIGFPE, simd_code(), registers->rip);
            break;
        case VECTOR_STACK:
            signal_fault(registers, SIGBUS, SI_KERNEL, 0);
            break;
        case VECTOR_ALIGNMENT:
            signal_fault(registers, SIGBUS, BUS_ADRALN, 0);
            break;
        default:
            signal_fault(registers, SIGSEGV, SI_KERNEL, 0);
        }
    }
    if (registers_user(registers) && signal_attention)
        signal_deliver(registers);
}
