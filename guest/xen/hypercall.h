/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/hypercall.h: the hypercalls this kernel makes, as typed inline functions.
 *
 * A hypercall is a call to hypercall_page + 32 * number: arguments in rdi, rsi, rdx, r10 and r8, the
 * result in rax; argument registers come back undefined, and the stub's `syscall` clobbers rcx and r11
 * (Xen's docs/guest-guide/x86/hypercall-abi). Results are 0 or a positive value, or a negative errno
 * of Xen's, whose numbers equal Linux's for all that Xen returns here.
 */
#ifndef GUEST_XEN_HYPERCALL_H
#define GUEST_XEN_HYPERCALL_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

extern char hypercall_page[];

/* For the counters that are shown at the end. Defined in shared.c. */
extern uint64_t hypercalls_made;

#define HYPERCALL_1(number, a1)                                                                    \
    ({                                                                                             \
        long result_, d1_ = (long)(a1);                                                            \
        hypercalls_made++;                                                                         \
        asm volatile("call hypercall_page + %c[offset]"                                            \
                     : "=a"(result_), "+D"(d1_)                                                    \
                     : [offset] "i"(32 * (number))                                                 \
                     : "rcx", "r11", "memory");                                                    \
        result_;                                                                                   \
    })

#define HYPERCALL_2(number, a1, a2)                                                                \
    ({                                                                                             \
        long result_, d1_ = (long)(a1), d2_ = (long)(a2);                                          \
        hypercalls_made++;                                                                         \
        asm volatile("call hypercall_page + %c[offset]"                                            \
                     : "=a"(result_), "+D"(d1_), "+S"(d2_)                                         \
                     : [offset] "i"(32 * (number))                                                 \
                     : "rcx", "r11", "memory");                                                    \
        result_;                                                                                   \
    })

#define HYPERCALL_3(number, a1, a2, a3)                                                            \
    ({                                                                                             \
        long result_, d1_ = (long)(a1), d2_ = (long)(a2), d3_ = (long)(a3);                        \
        hypercalls_made++;                                                                         \
        asm volatile("call hypercall_page + %c[offset]"                                            \
                     : "=a"(result_), "+D"(d1_), "+S"(d2_), "+d"(d3_)                              \
                     : [offset] "i"(32 * (number))                                                 \
                     : "rcx", "r11", "memory");                                                    \
        result_;                                                                                   \
    })

#define HYPERCALL_4(number, a1, a2, a3, a4)                                                        \
    ({                                                                                             \
        long result_, d1_ = (long)(a1), d2_ = (long)(a2), d3_ = (long)(a3);                        \
        register long d4_ asm("r10") = (long)(a4);                                                 \
        hypercalls_made++;                                                                         \
        asm volatile("call hypercall_page + %c[offset]"                                            \
                     : "=a"(result_), "+D"(d1_), "+S"(d2_), "+d"(d3_), "+r"(d4_)                   \
                     : [offset] "i"(32 * (number))                                                 \
                     : "rcx", "r11", "memory");                                                    \
        result_;                                                                                   \
    })

static inline int xen_set_trap_table(const struct trap_info *table)
{
    return HYPERCALL_1(__HYPERVISOR_set_trap_table, table);
}

static inline int xen_mmu_update(const struct mmu_update *updates, unsigned count)
{
    return HYPERCALL_4(__HYPERVISOR_mmu_update, updates, count, NULL, DOMID_SELF);
}

static inline int xen_mmuext_op(const struct mmuext_op *ops, unsigned count)
{
    return HYPERCALL_4(__HYPERVISOR_mmuext_op, ops, count, NULL, DOMID_SELF);
}

static inline int xen_update_va_mapping(unsigned long va, uint64_t entry, unsigned long flags)
{
    return HYPERCALL_3(__HYPERVISOR_update_va_mapping, va, entry, flags);
}

static inline int xen_stack_switch(unsigned long selector, unsigned long stack)
{
    return HYPERCALL_2(__HYPERVISOR_stack_switch, selector, stack);
}

static inline int xen_memory_op(unsigned command, void *argument)
{
    return HYPERCALL_2(__HYPERVISOR_memory_op, command, argument);
}

static inline int xen_version(unsigned command, void *argument)
{
    return HYPERCALL_2(__HYPERVISOR_xen_version, command, argument);
}

static inline int xen_console_io(unsigned command, size_t count, const char *bytes)
{
    return HYPERCALL_3(__HYPERVISOR_console_io, command, count, bytes);
}

static inline int xen_grant_table_op(unsigned command, void *argument, unsigned count)
{
    return HYPERCALL_3(__HYPERVISOR_grant_table_op, command, argument, count);
}

static inline int xen_vcpu_op(unsigned command, unsigned vcpu, void *argument)
{
    return HYPERCALL_3(__HYPERVISOR_vcpu_op, command, vcpu, argument);
}

static inline int xen_set_segment_base(unsigned which, unsigned long base)
{
    return HYPERCALL_2(__HYPERVISOR_set_segment_base, which, base);
}

static inline int xen_sched_op(unsigned command, void *argument)
{
    return HYPERCALL_2(__HYPERVISOR_sched_op, command, argument);
}

static inline int xen_callback_op(unsigned command, void *argument)
{
    return HYPERCALL_2(__HYPERVISOR_callback_op, command, argument);
}

static inline int xen_event_channel_op(unsigned command, void *argument)
{
    return HYPERCALL_2(__HYPERVISOR_event_channel_op, command, argument);
}

#endif
