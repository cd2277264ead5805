// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#define NON_CANONICAL UINT64_C(0x8000000000000000)
#define KERNEL        UINT64_C(0xffffffff80001000)

static sigjmp_buf back;
static int changed;
static uint64_t to;

/* A stack that is no address raises #SS in a processor, SIGBUS; QEMU emulates #GP. */
static void fault(int signal, siginfo_t *info, void *context)
{
    siglongjmp(back, signal == SIGBUS ? SIGSEGV : signal);
}

static void change(int signal, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[changed] = (greg_t)to;
}

static void handle(int signal, uint64_t handler, int flags)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | flags};

    memcpy(&action.sa_sigaction, &handler, sizeof handler);
    sigaction(signal, &action, NULL);
}

static void try_return(const char *what, int which, uint64_t where)
{
    int signal = sigsetjmp(back, 1);

    if (!signal) {
        changed = which;
        to = where;
        raise(SIGUSR1);
    }
    printf("%s: %s\n", what, strsignal(signal));
}

static void try_handler(const char *what, uint64_t where)
{
    int signal = sigsetjmp(back, 1);

    if (!signal) {
        handle(SIGUSR2, where, 0);
        raise(SIGUSR2);
    }
    printf("%s: %s\n", what, strsignal(signal));
}

static void try_call(const char *what, uint64_t where)
{
    int signal = sigsetjmp(back, 1);
    void (*function)(void);

    memcpy(&function, &where, sizeof where);
    if (!signal)
        function();
    printf("%s: %s\n", what, strsignal(signal));
}

int main(void)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};

    sigaltstack(&stack, NULL);
    handle(SIGSEGV, (uintptr_t)fault, SA_ONSTACK);
    handle(SIGBUS, (uintptr_t)fault, SA_ONSTACK);
    handle(SIGUSR1, (uintptr_t)change, 0);
    try_return("sigreturn to no address", REG_RIP, NON_CANONICAL);
    try_return("sigreturn into the kernel", REG_RIP, KERNEL);
    try_return("a stack at no address", REG_RSP, NON_CANONICAL);
    try_return("a stack in the kernel", REG_RSP, KERNEL);
    try_handler("a handler at no address", NON_CANONICAL);
    try_handler("a handler in the kernel", KERNEL);
    try_call("a call to no address", NON_CANONICAL);
    try_call("a call into the kernel", KERNEL);
    return 0;
}
