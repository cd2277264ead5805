// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void crash_null(void);
void crash_overflow(int depth);
void crash_protection(void);
void crash_call(void);
void crash_divide(void);
void crash_illegal(void);
void crash_privileged(void);
void crash_kernel(void);
void crash_abort(void);
void crash_mapping(void);
void crash_handler(void);
void middle(const char *what);

static const char constant[4096] = "constant";
static volatile int zero;
static void (*volatile nowhere)(void);

void crash_null(void)
{
    *(volatile int *)8 = zero;
    zero++;
}

void crash_overflow(int depth)
{
    volatile char frame[2000];

    frame[0] = (char)depth;
    crash_overflow(depth + frame[0]);
    frame[1] = 1;
}

void crash_protection(void)
{
    *(volatile char *)constant = 1;
    zero++;
}

void crash_call(void)
{
    nowhere();
    zero++;
}

void crash_divide(void)
{
    zero = 5 / zero;
}

void crash_illegal(void)
{
    asm volatile("ud2");
}

void crash_privileged(void)
{
    asm volatile("lgdt (%rsp)");
}

void crash_kernel(void)
{
    *(volatile long *)0xffffffff80001000 = 0;
}

void crash_abort(void)
{
    abort();
}

void crash_mapping(void)
{
    int fd = open("caravan-mapping", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char *bytes = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);

    zero = bytes[5000];
}

static void handler(int signal)
{
    crash_null();
}

void crash_handler(void)
{
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
}

void middle(const char *what)
{
    static const struct {
        const char *name;
        void (*crash)(void);
    } crashes[] = {
        {"null", crash_null},       {"protection", crash_protection},
        {"call", crash_call},       {"divide", crash_divide},
        {"illegal", crash_illegal}, {"abort", crash_abort},
        {"kernel", crash_kernel},   {"mapping", crash_mapping},
        {"handler", crash_handler}, {"privileged", crash_privileged},
    };

    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (strcmp(what, crashes[i].name) == 0)
            crashes[i].crash();
    if (strcmp(what, "overflow") == 0)
        crash_overflow(1);
}

int main(int count, char **arguments)
{
    if (strcmp(arguments[1], "syscall") == 0)
        return syscall(1000) != -1 || errno != ENOSYS || syscall(1000) != -1;
    middle(arguments[1]);
    puts("it survived");
    return 0;
}
