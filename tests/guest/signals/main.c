// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int count;
static sigjmp_buf back;
static char alternate[65536];

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, NULL))
        perror("sigaction");
}

static void count_it(int signal, siginfo_t *info, void *context)
{
    count++;
    printf("handler: signal %d code %d own %d\n", signal, info->si_code, info->si_pid == getpid());
}

/* Skip the faulting instruction, whose length the program knows. */
static void skip(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    int here;

    printf("fault: signal %d code %d address %d trap %lld", signal, info->si_code,
           info->si_addr == (void *)0x1234, (long long)uc->uc_mcontext.gregs[REG_TRAPNO]);
    printf(" alternate stack %d\n",
           (char *)&here >= alternate && (char *)&here < alternate + sizeof alternate);
    uc->uc_mcontext.gregs[REG_RIP] += 3;
    uc->uc_mcontext.gregs[REG_RBX] = 77;
}

static void jump(int signal, siginfo_t *info, void *context)
{
    printf("jump: signal %d code %d\n", signal, info->si_code);
    siglongjmp(back, signal);
}

static void spoil(int signal, siginfo_t *info, void *context)
{
    volatile double x = 1.5;

    for (int i = 0; i < 100; i++)
        x = x * 1.01 + sin(x);
    asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15" ::
                     : "xmm0", "xmm7", "xmm15");
    count++;
}

static int overflow(int depth)
{
    volatile char frame[4096];

    frame[0] = (char)depth;
    return overflow(depth + 1) + frame[0];
}

int main(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    sigset_t set, pending;

    setvbuf(stdout, NULL, _IONBF, 0);
    puts("# raise, mask, pending");
    install(SIGUSR1, count_it, 0);
    raise(SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    printf("blocked: count %d pending %d\n", count, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("unblocked: count %d\n", count);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    raise(SIGCHLD);
    puts("ignored");

    puts("# faults and contexts");
    sigaltstack(&stack, &old);
    printf("before: %d\n", old.ss_flags);
    sigaltstack(NULL, &old);
    printf("now: %d %d\n", old.ss_flags, old.ss_sp == alternate);
    install(SIGSEGV, skip, SA_ONSTACK);
    long rbx = 5, rax = 0x1234;
    asm volatile("mov (%%rax), %%rbx" : "+b"(rbx) : "a"(rax) : "memory"); /* 3 bytes */
    printf("rbx %ld\n", rbx);
    install(SIGSEGV, jump, SA_ONSTACK);
    if (!sigsetjmp(back, 1))
        overflow(0);
    puts("stack overflow survived");
    install(SIGFPE, jump, 0);
    if (!sigsetjmp(back, 1)) {
        volatile int zero = 0;
        printf("%d\n", 1 / zero);
    }
    install(SIGILL, jump, 0);
    if (!sigsetjmp(back, 1))
        asm volatile("ud2");
    install(SIGTRAP, jump, 0);
    if (!sigsetjmp(back, 1))
        asm volatile("int3");
    install(SIGABRT, jump, 0);
    if (!sigsetjmp(back, 1))
        abort();
    install(SIGFPE, jump, 0);
    if (!sigsetjmp(back, 1)) {
        feenableexcept(FE_DIVBYZERO);
        volatile long double z = 0;
        z = 1 / z;
        asm volatile("fwait");
    }
    fedisableexcept(FE_DIVBYZERO);

    puts("# floating state over a handler");
    install(SIGUSR1, spoil, 0);
    double total = 0;
    long double wide = 1;
    for (int i = 1; i <= 2000; i++) {
        total += 1.0 / i;
        wide *= 1.0001L;
        if (i % 100 == 0)
            raise(SIGUSR1);
    }
    printf("%.17g %.20Lg\n", total, wide);

    puts("# nesting and one-shot");
    install(SIGUSR1, count_it, SA_RESETHAND);
    count = 0;
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("count %d default %d\n", count, now.sa_handler == SIG_DFL);

    puts("# timers");
    install(SIGALRM, count_it, 0);
    struct timespec nap = {.tv_sec = 20}, left;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}}, was;
    count = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
    int result = nanosleep(&nap, &left);
    printf("nanosleep %d %s, left %d\n", result, strerror(errno), left.tv_sec >= 18);
    setitimer(ITIMER_REAL, &soon, NULL);
    result = poll(NULL, 0, -1);
    printf("poll %d %s\n", result, strerror(errno));
    setitimer(ITIMER_REAL, &soon, NULL);
    result = pause();
    printf("pause %d %s\n", result, strerror(errno));
    setitimer(ITIMER_REAL, &soon, NULL);
    for (count = 0; !count;)
        getppid(); /* no wait, but a system call */
    printf("alarm %u", alarm(100));
    printf(" %u\n", alarm(0));
    soon.it_interval.tv_usec = 10000;
    setitimer(ITIMER_REAL, &soon, NULL);
    while (count < 4)
        pause();
    memset(&soon, 0, sizeof soon);
    setitimer(ITIMER_REAL, &soon, &was);
    printf("interval %ld\n", (long)was.it_interval.tv_usec);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    soon.it_value.tv_usec = 1000;
    setitimer(ITIMER_REAL, &soon, NULL);
    siginfo_t info;
    nap.tv_sec = 5;
    printf("sigtimedwait %d\n", sigtimedwait(&set, &info, &nap));
    nap = (struct timespec){.tv_nsec = 1000};
    result = sigtimedwait(&set, &info, &nap);
    printf("sigtimedwait %d %s\n", result, strerror(errno));
    setitimer(ITIMER_REAL, &soon, NULL);
    sigset_t none;
    sigemptyset(&none);
    result = sigsuspend(&none);
    printf("sigsuspend %d %s\n", result, strerror(errno));
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("mask back: %d\n", sigismember(&set, SIGALRM));

    puts("# errors");
    printf("%d %d %d\n", kill(getpid(), 0), kill(getpid(), 1000), errno);
    errno = 0;
    printf("%d %d\n", kill(54321, SIGTERM), errno);
    struct sigaction action = {.sa_handler = SIG_IGN};
    errno = 0;
    printf("%d %d\n", sigaction(SIGKILL, &action, NULL), errno);
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    puts("not reached");
    return 0;
}
