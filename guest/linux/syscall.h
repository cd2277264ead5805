/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/syscall.h: the Linux x86-64 system calls that are served.
 *
 * sys_NAME is NAME(2): same arguments, a negative errno for an error. Pointers are the process's:
 * read and written with linux/user.h only. The table is in syscall.c.
 */
#ifndef GUEST_LINUX_SYSCALL_H
#define GUEST_LINUX_SYSCALL_H

#include "guest/kernel.h"

struct registers;
struct iovec;
struct pollfd;

/* The registers of the process while it is in the kernel. */
extern struct registers *user_registers;

/* X(name): every call served, by the file that serves it. */
/* clang-format off */
#define SYSCALLS(X) \
    /* io.c */ \
    X(read) X(write) X(pread64) X(pwrite64) X(readv) X(writev) X(preadv) X(pwritev) X(lseek) \
    X(ioctl) X(fsync) X(fdatasync) X(sync) X(ftruncate) X(truncate) X(fallocate) \
    X(fadvise64) X(sendfile) X(copy_file_range) \
    /* descriptor.c */ \
    X(open) X(openat) X(creat) X(close) X(close_range) X(dup) X(dup2) X(dup3) X(fcntl) \
    X(flock) \
    /* name.c, directory.c */ \
    X(stat) X(lstat) X(fstat) X(newfstatat) X(statx) X(statfs) X(fstatfs) X(access) \
    X(faccessat) X(faccessat2) X(getdents64) X(mkdir) X(mkdirat) X(rmdir) X(unlink) \
    X(unlinkat) X(rename) X(renameat) X(renameat2) X(link) X(linkat) X(symlink) X(symlinkat) \
    X(readlink) X(readlinkat) X(chmod) X(fchmod) X(fchmodat) X(chown) X(fchown) X(lchown) \
    X(fchownat) X(utimensat) X(umask) X(getcwd) X(chdir) X(fchdir) \
    /* pipe.c */ \
    X(pipe) X(pipe2) \
    /* eventfd.c, memfd.c */ \
    X(eventfd) X(eventfd2) X(memfd_create) \
    /* stream.c */ \
    X(sendmsg) X(recvmsg) \
    /* memory.c */ \
    X(brk) X(mmap) X(munmap) X(mprotect) X(mremap) X(madvise) X(msync) X(mincore) X(mlock) \
    X(munlock) X(mlockall) X(munlockall) \
    /* clock.c */ \
    X(clock_gettime) X(clock_getres) X(gettimeofday) X(time) X(times) X(nanosleep) \
    X(clock_nanosleep) \
    /* poll.c */ \
    X(poll) X(ppoll) X(select) X(pselect6) X(sched_yield) \
    /* signal.c */ \
    X(rt_sigaction) X(rt_sigprocmask) X(rt_sigpending) X(rt_sigsuspend) X(rt_sigreturn) \
    X(rt_sigtimedwait) X(sigaltstack) X(pause) X(kill) X(tkill) X(tgkill) X(alarm) \
    X(setitimer) X(getitimer) \
    /* process.c */ \
    X(exit) X(exit_group) X(getpid) X(getppid) X(gettid) X(getuid) X(geteuid) X(getgid) \
    X(getegid) X(getresuid) X(getresgid) X(getgroups) X(getpgrp) X(getpgid) X(getsid) \
    X(setsid) X(setpgid) X(arch_prctl) X(prctl) X(set_tid_address) X(set_robust_list) \
    X(rseq) X(futex) X(uname) X(sysinfo) X(getrusage) X(getrlimit) X(setrlimit) X(prlimit64) \
    X(getpriority) X(setpriority) X(sched_getaffinity) X(sched_setaffinity) \
    X(sched_getparam) X(sched_getscheduler) X(sched_get_priority_max) \
    X(sched_get_priority_min) X(getcpu) X(getrandom) X(membarrier) X(fork) X(vfork) X(clone) \
    X(clone3) X(wait4) X(get_mempolicy) X(socket)
/* clang-format on */

/* Handlers take up to six registers, as they need. */
typedef long syscall_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

#define PROCESS_WAIT_MAX 127 /* ports: what Xen takes, but for the control channel's */

/* Sleep until `deadline` (time_now), an event on one of `ports`, or a signal. 0: an event; -ETIMEDOUT;
 * -EINTR. */
int process_wait(const uint32_t *ports, unsigned count, uint64_t deadline);

#endif
