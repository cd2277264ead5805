/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals for one thread: dispositions, the frame on the stack, and the calls.
 *
 * Handlers start at the end of a system call or fault. No interrupt ever comes, so a timer's signal is seen at
 * the next system call.
 */
#include "guest/linux/signal.h"
#include "guest/boot/fault.h"
#include "guest/boot/trap.h"
#include "guest/linux/calls.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"
#include "guest/xen/time.h"

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <linux/signal.h>
#include <linux/time.h>

#define SIGNALS     64
#define BIT(signal) (UINT64_C(1) << ((signal)-1))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))
#define SYNCHRONOUS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP))
#define IGNORED     (BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT))
#define STOPS       (BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
#define RED_ZONE    128

/* What the kernel puts on the user's stack: rt_sigframe of arch/x86. The return address comes first. */
struct frame {
    void *restorer;
    struct ucontext context;
    siginfo_t info;
};

unsigned signal_attention;

static struct sigaction actions[SIGNALS + 1];
/* Signals for the thread (raise, faults) and for the process (kill, timers) wait apart, as on Linux. */
enum target { THREAD, PROCESS, TARGETS };

static uint64_t pending[TARGETS], blocked, saved_blocked;
static bool restore_blocked; /* sigsuspend: the mask to go back to is saved_blocked */
static siginfo_t infos[TARGETS][SIGNALS + 1];
static siginfo_t taken; /* of the signal being delivered */
static stack_t alternate = {.ss_flags = SS_DISABLE};
static uint64_t timer_at = TIME_NEVER, timer_interval;

const char *signal_name(int signal)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
    };

    return signal > 0 && signal < (int)ARRAY_SIZE(names) && names[signal] ? names[signal]
                                                                          : "signal";
}

static uint64_t pending_any(void)
{
    return pending[THREAD] | pending[PROCESS];
}

static void attention_update(void)
{
    signal_attention = (pending_any() & ~blocked) || timer_at != TIME_NEVER;
}

/* Take the first of the pending signals in `set`, the thread's before the process's: its number, and what
 * is known of it in `taken`. */
static int pending_take(uint64_t set)
{
    enum target target = pending[THREAD] & set ? THREAD : PROCESS;
    uint64_t due = pending[target] & set;
    int signal = __builtin_ctzl(due & SYNCHRONOUS ? due & SYNCHRONOUS : due) + 1;

    pending[target] &= ~BIT(signal);
    taken = infos[target][signal];
    return signal;
}

static bool signal_ignored(int signal)
{
    return actions[signal].sa_handler == SIG_IGN ||
           (actions[signal].sa_handler == SIG_DFL && BIT(signal) & (IGNORED | STOPS));
}

void signal_raise(int signal, int code, int sender)
{
    enum target target = code == SI_TKILL ? THREAD : PROCESS;
    siginfo_t *info = &infos[target][signal];

    if (signal_ignored(signal) && !(blocked & BIT(signal)))
        return;
    if (!(pending[target] & BIT(signal))) {
        memset(info, 0, sizeof *info);
        info->si_signo = signal;
        info->si_code = code;
        info->si_pid = sender;
    }
    pending[target] |= BIT(signal);
    attention_update();
}

bool signal_due(void)
{
    if (timer_at != TIME_NEVER && time_now() >= timer_at) {
        uint64_t now = time_now();

        timer_at = timer_interval ? MAX(timer_at + timer_interval, now) : TIME_NEVER;
        signal_raise(SIGALRM, SI_KERNEL, 0);
        attention_update();
    }
    return pending_any() & ~blocked;
}

uint64_t signal_timer(void)
{
    return timer_at;
}

/* The processor's extended state, straight to and from the user's stack. */
static bool state_save(void *to)
{
    bool failed = false;

    if (cpu.xsave)
        asm volatile("1: xsave64 (%1)\n"
                     "jmp 3f\n"
                     "2: movb $1, %0\n"
                     "3:\n"
                     ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection"
                     : "+m"(failed)
                     : "r"(to), "a"((uint32_t)cpu.xsave_mask), "d"((uint32_t)(cpu.xsave_mask >> 32))
                     : "memory");
    else
        asm volatile("1: fxsave64 (%1)\n"
                     "jmp 3f\n"
                     "2: movb $1, %0\n"
                     "3:\n"
                     ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection"
                     : "+m"(failed)
                     : "r"(to)
                     : "memory");
    return !failed;
}

static bool state_load(const void *from)
{
    bool failed = false;

    if (cpu.xsave)
        asm volatile("1: xrstor64 (%1)\n"
                     "jmp 3f\n"
                     "2: movb $1, %0\n"
                     "3:\n"
                     ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection"
                     : "+m"(failed)
                     : "r"(from), "a"((uint32_t)cpu.xsave_mask),
                       "d"((uint32_t)(cpu.xsave_mask >> 32))
                     : "memory");
    else
        asm volatile("1: fxrstor64 (%1)\n"
                     "jmp 3f\n"
                     "2: movb $1, %0\n"
                     "3:\n"
                     ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection"
                     : "+m"(failed)
                     : "r"(from)
                     : "memory");
    return !failed;
}

/* Handlers start with the state of a new program, as on Linux: an exception that the x87 has pending, for one,
 * must not strike in the handler again. */
static void state_reset(void)
{
    static const struct _xstate initial __attribute__((aligned(64))) = {
        .fpstate = {.cwd = 0x37f, .mxcsr = 0x1f80},
    };

    state_load(&initial);
}

static bool on_alternate(uint64_t rsp)
{
    return rsp > (uint64_t)alternate.ss_sp && rsp - (uint64_t)alternate.ss_sp <= alternate.ss_size;
}

static int alternate_flags(uint64_t rsp)
{
    return !alternate.ss_size ? SS_DISABLE : on_alternate(rsp) ? SS_ONSTACK : 0;
}

/* Extended state with its markers (struct _xstate), at `to`. */
static bool state_push(uint64_t to)
{
    unsigned size = cpu.xsave ? cpu.xsave_size : sizeof(struct _fpstate_64);
    struct _fpx_sw_bytes software = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = size + FP_XSTATE_MAGIC2_SIZE,
        .xfeatures = cpu.xsave_mask,
        .xstate_size = size,
    };
    uint32_t magic2 = FP_XSTATE_MAGIC2;

    if (!user_range((void *)to, size + FP_XSTATE_MAGIC2_SIZE))
        return false;
    if (!cpu.xsave)
        return state_save((void *)to);
    return user_clear((void *)to, size) == 0 && state_save((void *)to) &&
           user_copy((char *)to + offsetof(struct _fpstate_64, sw_reserved), &software,
                     sizeof software) == 0 &&
           user_copy((char *)to + size, &magic2, sizeof magic2) == 0;
}

/* Build the frame for a handler and point the registers at it. */
static bool frame_push(struct registers *registers, int signal, const struct sigaction *action)
{
    static struct frame frame;
    struct sigcontext_64 *machine = (struct sigcontext_64 *)&frame.context.uc_mcontext;
    unsigned state = (cpu.xsave ? cpu.xsave_size : sizeof(struct _fpstate_64)) +
                     FP_XSTATE_MAGIC2_SIZE;
    uint64_t sp = registers->rsp - RED_ZONE, state_at;

    if (action->sa_flags & SA_ONSTACK && alternate_flags(registers->rsp) == 0)
        sp = (uint64_t)alternate.ss_sp + alternate.ss_size;
    state_at = (sp - state) & ~UINT64_C(63);
    sp = ((state_at - sizeof frame) & ~UINT64_C(15)) - 8;
    if (!user_range((void *)sp, sizeof frame) || !state_push(state_at))
        return false;

    memset(&frame, 0, sizeof frame);
    frame.restorer = action->sa_restorer;
    frame.context.uc_flags = (cpu.xsave ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS |
                             UC_STRICT_RESTORE_SS;
    frame.context.uc_stack = alternate;
    frame.context.uc_stack.ss_flags = alternate_flags(registers->rsp);
    memcpy(&frame.context.uc_sigmask, restore_blocked ? &saved_blocked : &blocked, 8);
    restore_blocked = false;
    frame.info = taken;
    *machine = (struct sigcontext_64){
        .r8 = registers->r8,
        .r9 = registers->r9,
        .r10 = registers->r10,
        .r11 = registers->r11,
        .r12 = registers->r12,
        .r13 = registers->r13,
        .r14 = registers->r14,
        .r15 = registers->r15,
        .di = registers->rdi,
        .si = registers->rsi,
        .bp = registers->rbp,
        .bx = registers->rbx,
        .dx = registers->rdx,
        .ax = registers->rax,
        .cx = registers->rcx,
        .sp = registers->rsp,
        .ip = registers->rip,
        .flags = registers->rflags,
        .cs = 0x33, /* what Linux's programs see; sigreturn ignores it */
        .ss = 0x2b,
        .err = registers->vector == VECTOR_SYSCALL ? 0 : registers->error,
        .trapno = registers->vector == VECTOR_SYSCALL ? 0 : registers->vector,
        .cr2 = registers->vector == VECTOR_PAGE ? (uint64_t)taken.si_addr : 0,
        .fpstate = state_at,
    };
    memcpy(&machine->oldmask, &frame.context.uc_sigmask, 8);
    if (user_write((void *)sp, &frame, sizeof frame))
        return false;

    state_reset();
    registers->rsp = sp;
    registers->rip = (uint64_t)action->sa_handler;
    registers->rdi = (uint64_t)signal;
    registers->rsi = sp + offsetof(struct frame, info);
    registers->rdx = sp + offsetof(struct frame, context);
    registers->rax = 0;
    registers->rflags &= ~UINT64_C(0x10500); /* DF, TF, RF */
    return true;
}

/* Start the handler of `signal`, or do what the default says. */
static void signal_run(struct registers *registers, int signal)
{
    struct sigaction action = actions[signal];
    uint64_t mask;

    counters.signals++;
    if (action.sa_handler == SIG_IGN)
        return;
    if (action.sa_handler == SIG_DFL) {
        if (BIT(signal) & (IGNORED | STOPS))
            return;
        fault_report(registers, signal, &taken);
        process_killed(signal);
    }
    if (action.sa_flags & (SA_ONESHOT & 0xffffffff))
        actions[signal].sa_handler = SIG_DFL;
    if (!frame_push(registers, signal, &action)) {
        log_error("no stack for the handler of %s at 0x%lx", signal_name(signal), registers->rsp);
        actions[SIGSEGV].sa_handler = SIG_DFL;
        fault_report(registers, SIGSEGV, &taken);
        process_killed(SIGSEGV);
    }
    memcpy(&mask, &action.sa_mask, sizeof mask);
    blocked |= mask & ~UNBLOCKABLE;
    if (!(action.sa_flags & SA_NODEFER))
        blocked |= BIT(signal) & ~UNBLOCKABLE;
    attention_update();
}

void signal_deliver(struct registers *registers)
{
    bool called = registers->vector == VECTOR_SYSCALL;

    while (signal_due()) {
        int signal = pending_take(~blocked);

        if (called && registers->rax == (uint64_t)-RESTART_CALL) {
            bool handled = actions[signal].sa_handler != SIG_DFL && !signal_ignored(signal);

            if (handled && !(actions[signal].sa_flags & SA_RESTART)) {
                registers->rax = (uint64_t)-EINTR;
            } else {
                registers->rax = registers->error; /* the call's number */
                registers->rip -= 2;               /* the `syscall` instruction */
            }
            called = false;
        }
        signal_run(registers, signal);
    }
    if (called && registers->rax == (uint64_t)-RESTART_CALL) {
        registers->rax = registers->error;
        registers->rip -= 2;
    }
    if (restore_blocked) {
        restore_blocked = false;
        blocked = saved_blocked;
    }
    attention_update();
}

void signal_fault(struct registers *registers, int signal, int code, uint64_t address)
{
    taken = (siginfo_t){.si_signo = signal, .si_code = code};
    taken.si_addr = (void *)address;
    if (blocked & BIT(signal) || actions[signal].sa_handler == SIG_IGN) {
        blocked &= ~BIT(signal);
        actions[signal].sa_handler = SIG_DFL;
    }
    signal_run(registers, signal);
}

/* System calls */

long sys_rt_sigaction(int signal, const struct sigaction *new, struct sigaction *old, size_t size)
{
    struct sigaction action;

    if (size != 8 || signal < 1 || signal > SIGNALS)
        return -EINVAL;
    if (new && (signal == SIGKILL || signal == SIGSTOP))
        return -EINVAL;
    if (new &&user_read(&action, new, sizeof action))
        return -EFAULT;
    if (old && user_write(old, &actions[signal], sizeof *old))
        return -EFAULT;
    if (new) {
        actions[signal] = action;
        if (signal_ignored(signal)) {
            pending[THREAD] &= ~BIT(signal);
            pending[PROCESS] &= ~BIT(signal);
        }
        attention_update();
    }
    return 0;
}

long sys_rt_sigprocmask(int how, const uint64_t *new, uint64_t *old, size_t size)
{
    uint64_t mask = 0, before = blocked;

    if (size != 8)
        return -EINVAL;
    if (new) {
        if (user_read(&mask, new, sizeof mask))
            return -EFAULT;
        mask &= ~UNBLOCKABLE;
        switch (how) {
        case SIG_BLOCK:
            blocked |= mask;
            break;
        case SIG_UNBLOCK:
            blocked &= ~mask;
            break;
        case SIG_SETMASK:
            blocked = mask;
            break;
        default:
            return -EINVAL;
        }
        attention_update();
    }
    return old ? user_write(old, &before, sizeof before) : 0;
}

long sys_rt_sigpending(uint64_t *set, size_t size)
{
    uint64_t result = pending_any() & blocked;

    if (size > 8)
        return -EINVAL;
    return user_write(set, &result, size);
}

/* Wait under another mask. */
long signal_wait_masked(uint64_t mask)
{
    saved_blocked = blocked;
    blocked = mask & ~UNBLOCKABLE;
    attention_update();
    while (process_wait(NULL, 0, TIME_NEVER) != -EINTR)
        ;
    restore_blocked = true;
    return -EINTR;
}

/* ppoll and pselect: change the mask for the duration of a call; `leave` puts it back once a handler ran. */
void signal_mask_enter(uint64_t mask)
{
    saved_blocked = blocked;
    blocked = mask & ~UNBLOCKABLE;
    attention_update();
}

void signal_mask_leave(bool interrupted)
{
    if (interrupted)
        restore_blocked =
            true; /* signal_deliver does it, after the handler's frame took the old mask */
    else
        blocked = saved_blocked;
    attention_update();
}

long sys_rt_sigsuspend(const uint64_t *set, size_t size)
{
    uint64_t mask;

    if (size != 8)
        return -EINVAL;
    if (user_read(&mask, set, sizeof mask))
        return -EFAULT;
    return signal_wait_masked(mask);
}

long sys_pause(void)
{
    while (process_wait(NULL, 0, TIME_NEVER) != -EINTR)
        ;
    return -EINTR;
}

long sys_rt_sigtimedwait(const uint64_t *set, siginfo_t *info, const struct timespec *timeout,
                         size_t size)
{
    uint64_t wanted, deadline = TIME_NEVER, before = blocked;
    int signal = 0;

    if (size != 8)
        return -EINVAL;
    if (user_read(&wanted, set, sizeof wanted))
        return -EFAULT;
    if (timeout) {
        long error = clock_deadline(timeout, &deadline);

        if (error)
            return error;
    }
    wanted &= ~UNBLOCKABLE;
    blocked &= ~wanted; /* so that the wait sees them */
    attention_update();
    for (;;) {
        int result;

        signal_due(); /* a timer may have expired */
        if (pending_any() & wanted) {
            signal = pending_take(wanted);
            break;
        }
        result = process_wait(NULL, 0, deadline);
        if (result == -ETIMEDOUT || (result == -EINTR && !(pending_any() & wanted))) {
            signal = result == -ETIMEDOUT ? -EAGAIN : -EINTR;
            break;
        }
    }
    blocked = before;
    attention_update();
    if (signal > 0 && info && user_write(info, &taken, sizeof *info))
        return -EFAULT;
    return signal;
}

long sys_sigaltstack(const stack_t *new, stack_t *old)
{
    stack_t stack, before = alternate;

    before.ss_flags = alternate_flags(user_registers->rsp);
    if (new) {
        if (user_read(&stack, new, sizeof stack))
            return -EFAULT;
        if (on_alternate(user_registers->rsp) && alternate.ss_size)
            return -EPERM;
        if (stack.ss_flags & ~(SS_DISABLE | SS_ONSTACK | (int)SS_AUTODISARM))
            return -EINVAL;
        if (stack.ss_flags & SS_DISABLE)
            stack = (stack_t){.ss_flags = SS_DISABLE};
        else if (stack.ss_size < MINSIGSTKSZ)
            return -ENOMEM;
    }
    if (old && user_write(old, &before, sizeof before))
        return -EFAULT;
    if (new)
        alternate = stack;
    return 0;
}

long sys_rt_sigreturn(void)
{
    static struct ucontext context;
    struct registers *registers = user_registers;
    const struct sigcontext_64 *machine = (const struct sigcontext_64 *)&context.uc_mcontext;
    const void *frame = (const void *)registers->rsp; /* the handler's `ret` took the restorer */

    if (user_read(&context, frame, sizeof context) ||
        (machine->fpstate &&
         (!user_range((void *)machine->fpstate, cpu.xsave ? cpu.xsave_size : 512) ||
          !state_load((void *)machine->fpstate)))) {
        log_error("the signal frame at 0x%lx cannot be read", registers->rsp);
        registers->vector = 0;
        signal_fault(registers, SIGSEGV, SI_KERNEL, 0);
        return (long)registers->rax;
    }
    memcpy(&blocked, &context.uc_sigmask, sizeof blocked);
    blocked &= ~UNBLOCKABLE;
    alternate = context.uc_stack;
    if (context.uc_stack.ss_flags & SS_DISABLE)
        alternate = (stack_t){.ss_flags = SS_DISABLE};
    alternate.ss_flags &= SS_DISABLE;
    registers->r8 = machine->r8;
    registers->r9 = machine->r9;
    registers->r10 = machine->r10;
    registers->r11 = machine->r11;
    registers->r12 = machine->r12;
    registers->r13 = machine->r13;
    registers->r14 = machine->r14;
    registers->r15 = machine->r15;
    registers->rdi = machine->di;
    registers->rsi = machine->si;
    registers->rbp = machine->bp;
    registers->rbx = machine->bx;
    registers->rdx = machine->dx;
    registers->rcx = machine->cx;
    registers->rsp = machine->sp;
    registers->rip = machine->ip;
    registers->rflags = (machine->flags & RFLAGS_USER) | RFLAGS_FIXED;
    registers->vector = 0; /* every register counts now: not the short way back, no restart */
    attention_update();
    return (long)machine->ax;
}

static long signal_send(int target, int signal, int code)
{
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    if (target != PROCESS_ID && target != 0 && target != -1 && target != -PROCESS_ID)
        return -ESRCH;
    if (signal == SIGKILL)
        process_killed(SIGKILL);
    if (signal)
        signal_raise(signal, code, PROCESS_ID);
    return 0;
}

long sys_kill(int target, int signal)
{
    return signal_send(target, signal, SI_USER);
}

long sys_tkill(int thread, int signal)
{
    return thread <= 0 ? -EINVAL : signal_send(thread, signal, SI_TKILL);
}

long sys_tgkill(int group, int thread, int signal)
{
    return thread <= 0 || group <= 0 ? -EINVAL
           : group != PROCESS_ID     ? -ESRCH
                                     : signal_send(thread, signal, SI_TKILL);
}

/* Timers: ITIMER_REAL. The others count time that only interrupts could measure. */

static struct timeval to_timeval(uint64_t time)
{
    return (struct timeval){.tv_sec = (long)(time / TIME_SECOND),
                            .tv_usec = (long)(time % TIME_SECOND / 1000)};
}

static uint64_t timer_left(void)
{
    uint64_t now = time_now();

    /* A timer that has expired unseen still has a microsecond, as Linux tells it. */
    return timer_at == TIME_NEVER ? 0 : timer_at > now + 1000 ? timer_at - now : 1000;
}

static void timer_set(uint64_t left, uint64_t interval)
{
    timer_at = left ? time_now() + left : TIME_NEVER;
    timer_interval = interval;
    attention_update();
}

long sys_alarm(unsigned seconds)
{
    uint64_t left = timer_left();

    signal_due();
    timer_set(seconds * TIME_SECOND, 0);
    return (long)((left + TIME_SECOND / 2) / TIME_SECOND + (left && left < TIME_SECOND / 2));
}

long sys_getitimer(int which, struct itimerval *value)
{
    struct itimerval result = {
        .it_interval = to_timeval(timer_interval),
        .it_value = to_timeval(timer_left()),
    };

    if (which < 0 || which > 2)
        return -EINVAL;
    if (which)
        memset(&result, 0, sizeof result);
    return user_write(value, &result, sizeof result);
}

long sys_setitimer(int which, const struct itimerval *new, struct itimerval *old)
{
    struct itimerval value = {0};

    if (which < 0 || which > 2)
        return -EINVAL;
    if (new &&user_read(&value, new, sizeof value))
        return -EFAULT;
    if ((uint64_t)value.it_value.tv_usec >= 1000000 ||
        (uint64_t)value.it_interval.tv_usec >= 1000000 || value.it_value.tv_sec < 0 ||
        value.it_interval.tv_sec < 0)
        return -EINVAL;
    if (old) {
        long error = sys_getitimer(which, old);

        if (error)
            return error;
    }
    if (which)
        return value.it_value.tv_sec || value.it_value.tv_usec ? -EOPNOTSUPP : 0;
    timer_set((uint64_t)value.it_value.tv_sec * TIME_SECOND +
                  (uint64_t)value.it_value.tv_usec * 1000,
              (uint64_t)value.it_interval.tv_sec * TIME_SECOND +
                  (uint64_t)value.it_interval.tv_usec * 1000);
    return 0;
}
