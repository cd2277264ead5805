// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static int64_t ns(struct timespec time)
{
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int64_t by_vdso(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return ns(time);
}

static int64_t by_call(clockid_t clock)
{
    struct timespec time;

    syscall(SYS_clock_gettime, clock, &time);
    return ns(time);
}

int main(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
                                       CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID};
    struct timespec time, left;
    struct timeval day;

    printf("a vDSO: %d\n", getauxval(AT_SYSINFO_EHDR) != 0);
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int64_t last = 0, backwards = 0;

        for (int j = 0; j < 20000; j++) {
            int64_t now = j % 10 ? by_vdso(clocks[i]) : by_call(clocks[i]);

            backwards += now < last;
            last = now;
        }
        printf("clock %d: backwards %ld, resolution %d\n", clocks[i], (long)backwards,
               clock_getres(clocks[i], &time) == 0 && ns(time) == 1);
    }
    gettimeofday(&day, NULL);
    int64_t apart = by_vdso(CLOCK_REALTIME) - (day.tv_sec * 1000000000ll + day.tv_usec * 1000ll);
    printf("gettimeofday agrees: %d\n", apart >= 0 && apart < 1000000000);
    printf("time agrees: %d\n",
           syscall(SYS_time, NULL) - by_call(CLOCK_REALTIME) / 1000000000 <= 1);
    printf("a sensible year: %d\n", by_vdso(CLOCK_REALTIME) / 1000000000 > 1600000000);

    int64_t before = by_vdso(CLOCK_MONOTONIC);
    time = (struct timespec){.tv_nsec = 30000000};
    printf("nanosleep %d\n", nanosleep(&time, &left));
    int64_t slept = by_vdso(CLOCK_MONOTONIC) - before;
    printf("slept enough: %d\n", slept >= 30000000);
    int64_t until = by_vdso(CLOCK_MONOTONIC) + 20000000;
    time = (struct timespec){.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    printf("until %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
    printf("reached: %d\n", by_vdso(CLOCK_MONOTONIC) >= until);
    until = by_vdso(CLOCK_REALTIME) + 20000000;
    time = (struct timespec){.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    printf("until %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
    printf("reached: %d\n", by_vdso(CLOCK_REALTIME) >= until);
    time = (struct timespec){.tv_nsec = 1000000000};
    printf("too many nanoseconds: %d\n", nanosleep(&time, NULL) == -1 && errno == EINVAL);
    printf("no such clock: %d\n", clock_gettime(77, &time) == -1 && errno == EINVAL);

    struct rusage usage;
    struct tms ticks;
    printf("usage: %d", getrusage(RUSAGE_SELF, &usage));
    printf(" %d", usage.ru_maxrss > 0);
    printf(" %d\n", getrusage(7, &usage) == -1 && errno == EINVAL);
    printf("times: %d\n", times(&ticks) > 0);
    printf("clock: %d\n", clock() >= 0);
    return 0;
}
