/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO: clocks without a system call.
 *
 * Linked as a shared object of one PT_LOAD (glibc miscomputes the base of one with more) and mapped behind
 * two pages: `last`, the process's own, with the latest time told, so that time does not run backwards
 * when the domain moves to another processor; and Xen's shared_info, read-only.
 */
#include "guest/xen/pvclock.h"
#include "guest/vdso/vdso.h"

#include <asm/unistd.h>
#include <linux/time.h>

#define SECOND UINT64_C(1000000000)

#define EXPORT __attribute__((visibility("default")))

EXPORT int __vdso_clock_gettime(int clock, struct timespec *to);
EXPORT int __vdso_clock_getres(int clock, struct timespec *to);
EXPORT int __vdso_gettimeofday(struct timeval *to, struct timezone *zone);
EXPORT long __vdso_time(long *to);
EXPORT long __vdso_getcpu(unsigned *processor, unsigned *node, void *unused);

extern struct vdso_last vdso_last;
extern const struct shared_info vdso_shared;

static long system_call(long number, long a, long b)
{
    long result;

    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t now(void)
{
    uint64_t time = pvclock_read(&vdso_shared.vcpu_info[0].time);

    if (unlikely(time < vdso_last.time))
        return vdso_last.time;
    vdso_last.time = time;
    return time;
}

int __vdso_clock_gettime(int clock, struct timespec *to)
{
    uint64_t time;

    if (likely(clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
               clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME))
        time = now();
    else if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)
        time = now() + pvclock_wall(&vdso_shared);
    else
        return (int)system_call(__NR_clock_gettime, clock, (long)to);
    to->tv_sec = (long)(time / SECOND);
    to->tv_nsec = (long)(time % SECOND);
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *to)
{
    return (int)system_call(__NR_clock_getres, clock, (long)to);
}

int __vdso_gettimeofday(struct timeval *to, struct timezone *zone)
{
    if (to) {
        uint64_t time = now() + pvclock_wall(&vdso_shared);

        to->tv_sec = (long)(time / SECOND);
        to->tv_usec = (long)(time % SECOND / 1000);
    }
    if (zone)
        *zone = (struct timezone){0};
    return 0;
}

long __vdso_time(long *to)
{
    long seconds = (long)((now() + pvclock_wall(&vdso_shared)) / SECOND);

    if (to)
        *to = seconds;
    return seconds;
}

long __vdso_getcpu(unsigned *processor, unsigned *node, void *unused)
{
    if (processor)
        *processor = 0;
    if (node)
        *node = 0;
    return 0;
}
