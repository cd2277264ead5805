/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/pvclock.h: reading Xen's clock page, for the kernel and for the vDSO.
 *
 * Xen updates the page behind a version that is odd meanwhile (xen/xen.h, struct vcpu_time_info). The
 * page belongs to the processor that runs us, so compiler barriers and x86's ordering are enough.
 */
#ifndef GUEST_XEN_PVCLOCK_H
#define GUEST_XEN_PVCLOCK_H

#include "guest/kernel.h"

#include <xen/xen.h>

static inline uint64_t pvclock_read(const struct vcpu_time_info *time)
{
    uint32_t version;
    uint64_t result;

    do {
        uint32_t low, high;

        version = READ_ONCE(time->version);
        barrier();
        asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));

        uint64_t ticks = ((uint64_t)high << 32 | low) - time->tsc_timestamp;
        int8_t shift = time->tsc_shift;

        ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
        result = time->system_time +
                 (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >> 32);
        barrier();
    } while (unlikely(version & 1) || unlikely(version != READ_ONCE(time->version)));
    return result;
}

/* Nanoseconds since 1970 when the clock above read 0. */
static inline uint64_t pvclock_wall(const struct shared_info *shared)
{
    uint32_t version;
    uint64_t result;

    do {
        version = READ_ONCE(shared->wc_version);
        barrier();
        result = ((uint64_t)shared->wc_sec_hi << 32 | shared->wc_sec) * UINT64_C(1000000000) +
                 shared->wc_nsec;
        barrier();
    } while (unlikely(version & 1) || unlikely(version != READ_ONCE(shared->wc_version)));
    return result;
}

#endif
