/* SPDX-License-Identifier: BSD-2-Clause */
/* The process: identity, limits, usage, its one thread, its end. */
#include "guest/linux/process.h"
#include "guest/boot/boot.h"
#include "guest/dev/device.h"
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/xen/console.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/time.h"

#include <asm/prctl.h>
#include <asm/signal.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <linux/wait.h>
#include <xen/sched.h>

struct process process = {.umask = 022, .stack_size = 8 << 20, .directory = "/"};
struct counters counters;
bool counters_shown;
const char *process_hostname = "caravan";

static uint64_t process_started;
static enum exit_reason end_reason;

/* The end */

/* `status` as waitpid gives it. */
static void process_end(int status) __attribute__((noreturn));
static void process_end(int status)
{
    if (counters_shown) {
        struct page_counts counts;

        page_count(&counts);
        log_print(LOG_ERROR,
                  "counters: %lu system calls, %lu page faults, %lu signals, %lu hypercalls",
                  counters.system_calls, counters.page_faults, counters.signals, hypercalls_made);
        log_print(LOG_ERROR,
                  "memory: %lu KiB of %lu KiB free; at most %lu KiB were the program's; %lu KiB "
                  "page tables, %lu KiB kernel",
                  counts.free * 4, counts.total * 4, vm_resident_peak * 4, counts.tables * 4,
                  counts.kernel * 4);
    }
    /* Peers that asked to be told of our end are told, and the network's backend is left in order. */
    for (struct area *area = vm_first(), *next; area; area = next) {
        next = area->next;
        if (area->device && area->file)
            vm_unmap(area->start, area->end - area->start);
    }
    for (int i = 0; i < FILE_COUNT; i++)
        descriptor_replace(i, NULL);
    device_ethq_stop();
    if (channel_on)
        channel_exit(status, end_reason);
    /* Under QEMU with -no-reboot, as dom0, a reboot ends the emulator; a power-off would leave it. */
    boot_shutdown(boot_is_dom0() ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

void process_exit(int status)
{
    if (!channel_on)
        log_print(LOG_ERROR, "exit status %d", status & 255);
    process_end((status & 255) << 8);
}

void process_killed(int signal)
{
    if (!channel_on)
        log_print(LOG_ERROR, "killed by signal %d (%s)", signal, signal_name(signal));
    process_end(signal);
}

void process_out_of_memory(void)
{
    struct page_counts counts;

    page_count(&counts);
    log_error("out of memory: the domain has %lu KiB; the program holds %lu KiB of %lu KiB mapped, "
              "page tables %lu KiB, the kernel %lu KiB, files and the rest %lu KiB",
              counts.total * 4, vm_resident * 4, vm_reserved * 4, counts.tables * 4,
              counts.kernel * 4,
              (counts.total - counts.free - vm_resident - counts.tables - counts.kernel) * 4);
    end_reason = EXIT_OUT_OF_MEMORY;
    process_killed(SIGKILL);
}

long sys_exit(int status)
{
    process_exit(status);
}

long sys_exit_group(int status)
{
    process_exit(status);
}

/* Identity: one process, in a session of its own */

long sys_getpid(void)
{
    return PROCESS_ID;
}

long sys_getppid(void)
{
    return PROCESS_PARENT;
}

long sys_gettid(void)
{
    return PROCESS_ID;
}

long sys_getuid(void)
{
    return process.user;
}

long sys_geteuid(void)
{
    return process.user;
}

long sys_getgid(void)
{
    return process.group;
}

long sys_getegid(void)
{
    return process.group;
}

static long three_times(uint32_t number, uint32_t *a, uint32_t *b, uint32_t *c)
{
    return user_write(a, &number, 4) || user_write(b, &number, 4) || user_write(c, &number, 4)
               ? -EFAULT
               : 0;
}

long sys_getresuid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    return three_times(process.user, real, effective, saved);
}

long sys_getresgid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    return three_times(process.group, real, effective, saved);
}

long sys_getgroups(int count, uint32_t *groups)
{
    if (count < 0)
        return -EINVAL;
    return count && user_write(groups, &process.group, sizeof process.group) ? -EFAULT : 1;
}

static bool process_self(int id)
{
    return id == 0 || id == PROCESS_ID;
}

long sys_getpgrp(void)
{
    return PROCESS_ID;
}

long sys_getpgid(int id)
{
    return process_self(id) ? PROCESS_ID : -ESRCH;
}

long sys_getsid(int id)
{
    return process_self(id) ? PROCESS_ID : -ESRCH;
}

long sys_setsid(void)
{
    return -EPERM; /* as for every leader of a group */
}

long sys_setpgid(int id, int group)
{
    return process_self(id) ? (process_self(group) ? 0 : -EPERM) : -ESRCH;
}

long sys_uname(struct new_utsname *to)
{
    struct new_utsname name = {
        .sysname = "Linux",
        .release = "6.1.0-caravan",
        .version = "#1 Caravan PV guest",
        .machine = "x86_64",
        .domainname = "(none)",
    };

    snprintf(name.nodename, sizeof name.nodename, "%s", process_hostname);
    return user_write(to, &name, sizeof name);
}

/* The thread */

long sys_arch_prctl(int code, uint64_t address)
{
    static uint64_t fs, gs;

    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (address >= USER_TOP)
            return -EPERM;
        *(code == ARCH_SET_FS ? &fs : &gs) = address;
        return xen_set_segment_base(code == ARCH_SET_FS ? SEGBASE_FS : SEGBASE_GS_USER, address);
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        if (cpu.fsgsbase && code == ARCH_GET_FS)
            asm volatile("rdfsbase %0" : "=r"(fs));
        return user_write((void *)address, code == ARCH_GET_FS ? &fs : &gs, sizeof fs);
    default:
        return -EINVAL;
    }
}

long sys_prctl(int option, uint64_t argument)
{
    switch (option) {
    case PR_SET_NAME: {
        ssize_t length = user_text(process.name, (const char *)argument, sizeof process.name);

        if (length == -EFAULT)
            return -EFAULT;
        process.name[sizeof process.name - 1] = '\0';
        return 0;
    }
    case PR_GET_NAME:
        return user_write((void *)argument, process.name, sizeof process.name);
    case PR_GET_DUMPABLE:
        return 1;
    case PR_SET_DUMPABLE:
    case PR_SET_PDEATHSIG:
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_THP_DISABLE:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_set_tid_address(int *address)
{
    return PROCESS_ID; /* it is cleared for other threads to see when this one ends */
}

long sys_set_robust_list(void *head, size_t size)
{
    return size == 24 ? 0 : -EINVAL;
}

/* Restartable sequences guard against preemption, which does not exist here; glibc does without. */
long sys_rseq(void *area, uint32_t length, int flags, uint32_t signature)
{
    return -ENOSYS;
}

/* Nobody else could wake the thread: a wait ends by time or signal, or the value has changed already. */
long sys_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout,
               uint32_t *second_word, uint32_t third_value)
{
    int command = operation & FUTEX_CMD_MASK;
    uint32_t now;
    uint64_t deadline = TIME_NEVER;
    long result;

    if ((uint64_t)word & 3)
        return -EINVAL;
    if (!user_range(word, sizeof *word))
        return -EFAULT;
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        if (command == FUTEX_WAIT_BITSET && !third_value)
            return -EINVAL;
        if (timeout) {
            result = clock_deadline(timeout, &deadline);
            if (result)
                return result;
            if (command == FUTEX_WAIT_BITSET) { /* absolute */
                uint64_t until = deadline - time_now();
                uint64_t base = operation & FUTEX_CLOCK_REALTIME ? time_wall_offset() : 0;

                deadline = until > base ? until - base : 0;
            }
        }
        if (user_read(&now, word, sizeof now))
            return -EFAULT;
        if (now != value)
            return -EAGAIN;
        result = process_wait(NULL, 0, deadline);
        return result == -EINTR ? -RESTART_CALL : result;
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return user_read(&now, word, sizeof now) ? -EFAULT : 0;
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        if (user_read(&now, word, sizeof now) || user_read(&now, second_word, sizeof now))
            return -EFAULT;
        return 0;
    case FUTEX_LOCK_PI:
    case FUTEX_TRYLOCK_PI: {
        uint32_t mine = PROCESS_ID;

        if (user_read(&now, word, sizeof now))
            return -EFAULT;
        if ((now & FUTEX_TID_MASK) == PROCESS_ID)
            return -EDEADLK;
        return now ? -ESRCH : user_write(word, &mine, sizeof mine);
    }
    case FUTEX_UNLOCK_PI: {
        uint32_t none = 0;

        if (user_read(&now, word, sizeof now))
            return -EFAULT;
        return (now & FUTEX_TID_MASK) == PROCESS_ID ? user_write(word, &none, sizeof none) : -EPERM;
    }
    default:
        return -ENOSYS;
    }
}

long sys_membarrier(int command, unsigned flags)
{
    if (flags)
        return -EINVAL;
    return command == MEMBARRIER_CMD_QUERY ? 0 : -EINVAL;
}

static long no_processes(const char *call)
{
    static bool told;

    if (!told)
        log_error("%s called %s: a thin guest runs one process of one thread", process.name, call);
    told = true;
    return -EAGAIN; /* "a system-imposed limit on the number of threads": what fork(2) documents */
}

long sys_fork(void)
{
    return no_processes("fork");
}

long sys_vfork(void)
{
    return no_processes("vfork");
}

long sys_clone(uint64_t flags)
{
    return no_processes(flags & CLONE_THREAD ? "clone for a thread" : "clone (fork)");
}

long sys_clone3(const struct clone_args *arguments, size_t size)
{
    uint64_t flags;

    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (user_read(&flags, &arguments->flags, sizeof flags))
        return -EFAULT;
    return no_processes(flags & CLONE_THREAD ? "clone for a thread" : "clone (fork)");
}

long sys_wait4(int id, int *status, int options, void *usage)
{
    return -ECHILD;
}

/* Usage and limits */

uint64_t process_cpu_time(void)
{
    if (!process_started)
        process_started = time_now();
    return time_now() - process_started;
}

long sys_getrusage(int who, struct rusage *to)
{
    uint64_t time = process_cpu_time();
    struct rusage usage = {
        .ru_utime = {.tv_sec = (long)(time / TIME_SECOND),
                     .tv_usec = (long)(time % TIME_SECOND / 1000)},
        .ru_maxrss = (long)(vm_resident_peak * 4),
        .ru_minflt = (long)counters.page_faults,
    };

    if (who < -1 || who > 1)
        return -EINVAL;
    if (who == RUSAGE_CHILDREN)
        memset(&usage, 0, sizeof usage);
    return user_write(to, &usage, sizeof usage);
}

static struct rlimit64 limits[RLIM_NLIMITS];

static void limits_init(void)
{
    struct page_counts counts;

    if (limits[RLIMIT_NOFILE].rlim_max)
        return;
    page_count(&counts);
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        limits[i] = (struct rlimit64){RLIM64_INFINITY, RLIM64_INFINITY};
    limits[RLIMIT_STACK].rlim_cur = process.stack_size;
    limits[RLIMIT_NOFILE] = (struct rlimit64){1024, 1024};
    limits[RLIMIT_NPROC] = (struct rlimit64){1, 1};
    limits[RLIMIT_CORE].rlim_cur = 0;
    limits[RLIMIT_MEMLOCK] = (struct rlimit64){counts.total * PAGE_SIZE, counts.total * PAGE_SIZE};
}

/* They are told, not enforced, but for those that cannot be otherwise. */
long sys_prlimit64(int id, unsigned which, const struct rlimit64 *new, struct rlimit64 *old)
{
    struct rlimit64 limit, before;

    limits_init();
    if (!process_self(id))
        return -ESRCH;
    if (which >= RLIM_NLIMITS)
        return -EINVAL;
    before = limits[which];
    if (new) {
        if (user_read(&limit, new, sizeof limit))
            return -EFAULT;
        if (limit.rlim_cur > limit.rlim_max)
            return -EINVAL;
        if ((which == RLIMIT_NOFILE || which == RLIMIT_NPROC) && limit.rlim_max > before.rlim_max)
            return -EPERM;
        limits[which] = limit;
    }
    return old ? user_write(old, &before, sizeof before) : 0;
}

long sys_getrlimit(unsigned which, struct rlimit64 *to)
{
    return to ? sys_prlimit64(0, which, NULL, to) : -EFAULT;
}

long sys_setrlimit(unsigned which, const struct rlimit64 *from)
{
    return from ? sys_prlimit64(0, which, from, NULL) : -EFAULT;
}

long sys_getpriority(int which, int id)
{
    return which < 0 || which > 2 ? -EINVAL : process_self(id) || which == 2 ? 20 : -ESRCH;
}

long sys_setpriority(int which, int id, int priority)
{
    return which < 0 || which > 2 ? -EINVAL : process_self(id) || which == 2 ? 0 : -ESRCH;
}

long sys_sysinfo(struct sysinfo *to)
{
    struct page_counts counts;

    page_count(&counts);

    struct sysinfo info = {
        .uptime = (long)((time_now() - time_boot) / TIME_SECOND),
        .totalram = counts.total * PAGE_SIZE,
        .freeram = counts.free * PAGE_SIZE,
        .procs = 1,
        .mem_unit = 1,
    };

    return user_write(to, &info, sizeof info);
}

/* One processor, one policy */

long sys_sched_getaffinity(int id, size_t size, uint64_t *mask)
{
    uint64_t one = 1;

    if (!process_self(id))
        return -ESRCH;
    if (size < 8 || size & 7)
        return -EINVAL;
    return user_write(mask, &one, sizeof one) ? -EFAULT : 8;
}

long sys_sched_setaffinity(int id, size_t size, const uint64_t *mask)
{
    uint64_t wanted = 0;

    if (!process_self(id))
        return -ESRCH;
    if (user_read(&wanted, mask, MIN(size, sizeof wanted)))
        return -EFAULT;
    return wanted & 1 ? 0 : -EINVAL;
}

long sys_sched_getparam(int id, int *priority)
{
    int zero = 0;

    return id < 0 ? -EINVAL : !process_self(id) ? -ESRCH : user_write(priority, &zero, sizeof zero);
}

long sys_sched_getscheduler(int id)
{
    return id < 0 ? -EINVAL : process_self(id) ? SCHED_NORMAL : -ESRCH;
}

long sys_sched_get_priority_max(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR                                ? 99
           : policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0
                                                                                     : -EINVAL;
}

long sys_sched_get_priority_min(int policy)
{
    long highest = sys_sched_get_priority_max(policy);

    return highest > 0 ? 1 : highest;
}

long sys_getcpu(unsigned *processor, unsigned *node)
{
    unsigned zero = 0;

    if (processor && user_write(processor, &zero, sizeof zero))
        return -EFAULT;
    return node ? user_write(node, &zero, sizeof zero) : 0;
}

/* One memory node: the default policy. */
long sys_get_mempolicy(int *policy, uint64_t *mask, uint64_t nodes, uint64_t address,
                       uint64_t flags)
{
    int standard = 0;

    return policy ? user_write(policy, &standard, sizeof standard) : 0;
}

/* No address family is known: glibc asks for one to reach a name service daemon, and goes on without. */
long sys_socket(int family, int type, int protocol)
{
    return -EAFNOSUPPORT;
}

long sys_getrandom(void *bytes, size_t count, unsigned flags)
{
    char chunk[256];

    if (flags & ~7u)
        return -EINVAL;
    count = MIN(count, 0x1fffffful); /* as Linux */
    if (!user_range(bytes, count))
        return -EFAULT;
    for (size_t done = 0; done < count;) {
        size_t part = MIN(count - done, sizeof chunk), left;

        random_bytes(chunk, part);
        left = user_copy((char *)bytes + done, chunk, part);
        done += part - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return (long)count;
}
