// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <unistd.h>

#define CALLS  300000
#define OUTPUT 1000 /* where standard output waits, out of reach */

/* Where mappings may come and go. */
#define ARENA      0x10000000ul
#define ARENA_SIZE 0x04000000ul

static uint64_t state;
#define MEMORY_SIZE 65536ul
static char *memory; /* with nothing behind it, which calls could overwrite by right */

static uint64_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void tick(int signal)
{
}

/* Calls that would end the program, or its timer, or take its memory or its output away, by right. */
static int excluded(long number)
{
    static const long numbers[] = {
        SYS_exit,       SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
        SYS_setitimer,  SYS_alarm,      SYS_kill,         SYS_tkill,          SYS_tgkill,
        SYS_arch_prctl, SYS_brk,        SYS_sigaltstack,  SYS_close_range,    SYS_rt_sigtimedwait,
        SYS_chdir,      SYS_fchdir,     SYS_prlimit64,    SYS_setrlimit,
    };

    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (number == numbers[i])
            return 1;
    return 0;
}

static int maps(long number)
{
    return number == SYS_mmap || number == SYS_munmap || number == SYS_mprotect ||
           number == SYS_mremap || number == SYS_madvise;
}

static uint64_t argument(void)
{
    static const uint64_t special[] = {0,
                                       1,
                                       2,
                                       4095,
                                       4096,
                                       4097,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       INT64_MAX,
                                       1ul << 47,
                                       (1ul << 47) - 4096,
                                       0xffff800000000000,
                                       0xffffffff80000000,
                                       (uint64_t)-1,
                                       (uint64_t)-100};

    switch (any() % 8) {
    case 0:
        return special[any() % (sizeof special / sizeof *special)];
    case 1:
    case 2:
        return (uint64_t)memory + any() % MEMORY_SIZE;
    case 3:
        return 3 + any() % 20; /* a descriptor, but not the standard streams */
    case 4:
        return any() % (OUTPUT - 1);
    case 5:
        return ARENA + any() % ARENA_SIZE;
    case 6:
        return 1ul << any() % 64;
    default:
        return any();
    }
}

/* Places and sizes of mappings: in the arena, so that nothing else is hit. */
static void map_arguments(long number, uint64_t a[6])
{
    a[0] = ARENA + any() % ARENA_SIZE;
    a[1] = any() % (ARENA_SIZE / 8);
    if (any() % 8)
        a[0] &= ~4095ul;
    if (number == SYS_mmap) {
        a[2] = any() % 8;
        a[3] = (any() % 8 ? MAP_PRIVATE : MAP_SHARED) | (any() % 4 ? MAP_ANONYMOUS : 0) |
               (any() % 2 ? MAP_FIXED : MAP_FIXED_NOREPLACE) | (any() % 8 ? 0 : MAP_POPULATE);
    } else if (number == SYS_mremap) {
        a[2] = any() % (ARENA_SIZE / 8);
        a[3] = any() % 4;
        a[4] = (ARENA + any() % ARENA_SIZE) & ~4095ul;
    } else if (number == SYS_mprotect) {
        a[2] = any() % 8;
    } else {
        a[2] = any() % 24;
    }
    if (number != SYS_mmap && number != SYS_mremap && a[0] + a[1] > ARENA + ARENA_SIZE)
        a[1] = 4096;
}

int main(int count, char **arguments)
{
    struct itimerval often = {{0, 2000}, {0, 2000}};
    struct sigaction action = {.sa_handler = tick};
    struct sysinfo before, after;
    uint64_t check[64];

    state = strtoull(arguments[1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
    for (int i = 0; i < 64; i++)
        check[i] = any();
    memory = mmap((void *)0x30000000, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    sigaction(SIGALRM, &action, NULL); /* calls that wait are interrupted, not restarted */
    signal(SIGPIPE, SIG_IGN);
    setitimer(ITIMER_REAL, &often, NULL);
    dup2(1, OUTPUT);
    for (int i = 0; i < 3; i++)
        dup2(open("/dev/null", O_RDWR), i);
    sysinfo(&before);
    for (int i = 0; i < CALLS; i++) {
        long number = (long)(any() % 4 ? any() % 60 : any() % 450);
        uint64_t a[6];

        if (excluded(number))
            continue;
        for (int j = 0; j < 6; j++)
            a[j] = argument();
        if (maps(number))
            map_arguments(number, a);
        if (number == SYS_open || number == SYS_openat || number == SYS_mkdir)
            strcpy(memory + any() % 4096, any() % 2 ? "file" : "/dev/zero");
        syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        /* The arena's memory is whatever it is: touch it through a call, which survives. */
        if (i % 16 == 0)
            syscall(SYS_getrandom, ARENA + any() % ARENA_SIZE, any() % 9000, 0);
    }
    state = strtoull(arguments[1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
    for (int i = 0; i < 64; i++)
        if (check[i] != any())
            return 1;
    munmap((void *)ARENA, ARENA_SIZE);
    for (int i = 3; i < OUTPUT; i++)
        close(i);
    dup2(OUTPUT, 1);
    sysinfo(&after);
    printf("%d calls, the program is whole\n", CALLS);
    /* Files remain, and page tables: not all of it. */
    return after.freeram < before.freeram / 2;
}
