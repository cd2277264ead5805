/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and sleeps. */
#include "guest/linux/calls.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/xen/time.h"

#include <linux/time.h>
#include <linux/times.h>

#define TICKS_PER_SECOND 100 /* USER_HZ */
#define SLEEP_MAX        (UINT64_C(1) << 62)

/* CPU time is time since the start: nobody else runs in this domain. */
static int clock_read(int clock, uint64_t *time)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        *time = vdso_now() + time_wall_offset();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *time = vdso_now();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        *time = process_cpu_time();
        return 0;
    default:
        return -EINVAL;
    }
}

static struct timespec to_timespec(uint64_t time)
{
    return (struct timespec){.tv_sec = (long)(time / TIME_SECOND),
                             .tv_nsec = (long)(time % TIME_SECOND)};
}

static int timespec_read(const struct timespec *from, uint64_t *time)
{
    struct timespec value;

    if (user_read(&value, from, sizeof value))
        return -EFAULT;
    if (value.tv_sec < 0 || (uint64_t)value.tv_nsec >= TIME_SECOND)
        return -EINVAL;
    *time = (uint64_t)value.tv_sec > SLEEP_MAX / TIME_SECOND
                ? SLEEP_MAX
                : (uint64_t)value.tv_sec * TIME_SECOND + (uint64_t)value.tv_nsec;
    return 0;
}

long clock_deadline(const struct timespec *timeout, uint64_t *deadline)
{
    uint64_t left;
    int error = timespec_read(timeout, &left);

    if (!error)
        *deadline = time_now() + left;
    return error;
}

long sys_clock_gettime(int clock, struct timespec *to)
{
    uint64_t time;
    int error = clock_read(clock, &time);
    struct timespec result;

    if (error)
        return error;
    result = to_timespec(time);
    return user_write(to, &result, sizeof result);
}

long sys_clock_getres(int clock, struct timespec *to)
{
    uint64_t time;
    int error = clock_read(clock, &time);
    struct timespec result = {.tv_nsec = 1};

    if (error)
        return error;
    return to ? user_write(to, &result, sizeof result) : 0;
}

long sys_gettimeofday(struct timeval *to, struct timezone *zone)
{
    uint64_t time = vdso_now() + time_wall_offset();
    struct timeval result = {.tv_sec = (long)(time / TIME_SECOND),
                             .tv_usec = (long)(time % TIME_SECOND / 1000)};
    struct timezone none = {0};

    if (to && user_write(to, &result, sizeof result))
        return -EFAULT;
    return zone ? user_write(zone, &none, sizeof none) : 0;
}

long sys_time(long *to)
{
    long seconds = (long)((vdso_now() + time_wall_offset()) / TIME_SECOND);

    return to && user_write(to, &seconds, sizeof seconds) ? -EFAULT : seconds;
}

long sys_times(struct tms *to)
{
    struct tms result = {
        .tms_utime = (long)(process_cpu_time() / (TIME_SECOND / TICKS_PER_SECOND)),
    };

    if (to && user_write(to, &result, sizeof result))
        return -EFAULT;
    return (long)(vdso_now() / (TIME_SECOND / TICKS_PER_SECOND));
}

static long sleep_until(uint64_t deadline, struct timespec *left)
{
    int result;

    while ((result = process_wait(NULL, 0, deadline)) == 0)
        ;
    if (result == -ETIMEDOUT)
        return 0;
    if (left) {
        uint64_t now = time_now();
        struct timespec rest = to_timespec(deadline > now ? deadline - now : 0);

        if (user_write(left, &rest, sizeof rest))
            return -EFAULT;
    }
    return -EINTR;
}

long sys_nanosleep(const struct timespec *time, struct timespec *left)
{
    uint64_t deadline;
    long error = clock_deadline(time, &deadline);

    return error ? error : sleep_until(deadline, left);
}

long sys_clock_nanosleep(int clock, int flags, const struct timespec *time, struct timespec *left)
{
    uint64_t now, until;
    int error = clock_read(clock, &now);

    if (error)
        return error;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    error = timespec_read(time, &until);
    if (error)
        return error;
    if (flags & TIMER_ABSTIME)
        return sleep_until(time_now() + (until > now ? until - now : 0), NULL);
    return sleep_until(time_now() + until, left);
}
