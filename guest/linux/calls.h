/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/calls.h: the system calls' functions, and what their files share.
 *
 * sys_NAME is NAME(2), with the kernel's own structures (not glibc's where they differ).
 */
#ifndef GUEST_LINUX_CALLS_H
#define GUEST_LINUX_CALLS_H

#include "guest/kernel.h"
#include "guest/linux/syscall.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

struct clone_args;
struct file;
struct flock;
struct iovec;
struct itimerval;
struct message;
struct new_utsname;
struct path;
struct pollfd;
struct rlimit64;
struct rusage;
struct stat;
struct statfs;
struct statx;
struct sysinfo;
struct timespec;
struct timeval;
struct timezone;
struct tms;

/* name.c: look up a name of the process's. `empty`: an empty name means `directory` itself (AT_EMPTY_PATH).
 * The result points into a buffer that lives until the second next call. */
int name_find(int directory, const char *user_name, bool follow, bool empty, struct path *path);
/* The same where it has to be there: -ENOENT. */
long name_existing(int directory, const char *name, bool follow, bool empty, struct path *path);
/* The same two for a name that is to be changed, or whose file is: it is taken out of the cache of the host's files. */
int name_change(int directory, const char *name, bool follow, struct path *path);
long name_change_existing(int directory, const char *name, bool follow, struct path *path);
/* /dev/stdin, /dev/fd/N and /proc/self/fd/N name the file behind a descriptor. NULL: another name, or no
 * such file. */
struct file *name_descriptor(const char *name);
/* The absolute path of what was looked up, for heap_free; NULL where it has none or memory is short. */
char *name_absolute(const struct path *path);

/* clock.c: a timeout of the process's as a deadline of time_now(). */
long clock_deadline(const struct timespec *timeout, uint64_t *deadline);

/* signal.c: another mask for the time of a wait. */
long signal_wait_masked(uint64_t mask);
void signal_mask_enter(uint64_t mask);
void signal_mask_leave(bool interrupted);

/* io.c */
long sys_read(int descriptor, void *bytes, size_t count);
long sys_write(int descriptor, void *bytes, size_t count);
long sys_pread64(int descriptor, void *bytes, size_t count, int64_t offset);
long sys_pwrite64(int descriptor, void *bytes, size_t count, int64_t offset);
long sys_readv(int descriptor, const struct iovec *vector, int count);
long sys_writev(int descriptor, const struct iovec *vector, int count);
long sys_preadv(int descriptor, const struct iovec *vector, int count, int64_t offset);
long sys_pwritev(int descriptor, const struct iovec *vector, int count, int64_t offset);
long sys_lseek(int descriptor, int64_t offset, int whence);
long sys_ioctl(int descriptor, unsigned command, void *argument);
long sys_fsync(int descriptor);
long sys_fdatasync(int descriptor);
long sys_sync(void);
long sys_ftruncate(int descriptor, int64_t size);
long sys_truncate(const char *name, int64_t size);
long sys_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
long sys_fadvise64(int descriptor, int64_t offset, int64_t length, int advice);
long sys_sendfile(int out_descriptor, int in_descriptor, int64_t *offset, size_t count);
long sys_copy_file_range(int in_descriptor, int64_t *in_offset, int out_descriptor,
                         int64_t *out_offset, size_t count, unsigned flags);

/* descriptor.c */
long sys_openat(int directory, const char *user_name, unsigned flags, unsigned mode);
long sys_open(const char *name, unsigned flags, unsigned mode);
long sys_creat(const char *name, unsigned mode);
long sys_close(int descriptor);
long sys_close_range(unsigned first, unsigned last, unsigned flags);
long sys_dup(int descriptor);
long sys_dup3(int descriptor, int copy, unsigned flags);
long sys_dup2(int descriptor, int copy);
long sys_fcntl(int descriptor, int command, uint64_t argument);
long sys_flock(int descriptor, int operation);

/* name.c, directory.c */
long sys_newfstatat(int directory, const char *name, struct stat *to, unsigned flags);
long sys_stat(const char *name, struct stat *to);
long sys_lstat(const char *name, struct stat *to);
long sys_fstat(int descriptor, struct stat *to);
long sys_statx(int directory, const char *name, unsigned flags, unsigned mask, struct statx *to);
long sys_statfs(const char *name, struct statfs *to);
long sys_fstatfs(int descriptor, struct statfs *to);
long sys_faccessat2(int directory, const char *name, int mode, unsigned flags);
long sys_faccessat(int directory, const char *name, int mode);
long sys_access(const char *name, int mode);
long sys_fchmodat(int directory, const char *name, unsigned mode);
long sys_chmod(const char *name, unsigned mode);
long sys_fchmod(int descriptor, unsigned mode);
long sys_fchownat(int directory, const char *name, uint32_t owner, uint32_t group, unsigned flags);
long sys_chown(const char *name, uint32_t owner, uint32_t group);
long sys_lchown(const char *name, uint32_t owner, uint32_t group);
long sys_fchown(int descriptor, uint32_t owner, uint32_t group);
long sys_utimensat(int directory, const char *name, const struct timespec *times, unsigned flags);
long sys_umask(unsigned mask);
long sys_getdents64(int descriptor, void *records, unsigned size);
long sys_mkdirat(int directory, const char *name, unsigned mode);
long sys_mkdir(const char *name, unsigned mode);
long sys_unlinkat(int directory, const char *name, unsigned flags);
long sys_unlink(const char *name);
long sys_rmdir(const char *name);
long sys_renameat2(int old_directory, const char *old_name, int new_directory, const char *new_name,
                   unsigned flags);
long sys_renameat(int old_directory, const char *old_name, int new_directory, const char *new_name);
long sys_rename(const char *old_name, const char *new_name);
long sys_linkat(int old_directory, const char *old_name, int new_directory, const char *new_name,
                unsigned flags);
long sys_link(const char *old_name, const char *new_name);
long sys_symlinkat(const char *user_target, int directory, const char *name);
long sys_symlink(const char *target, const char *name);
long sys_readlinkat(int directory, const char *name, char *buffer, int size);
long sys_readlink(const char *name, char *buffer, int size);
long sys_getcwd(char *buffer, size_t size);
long sys_chdir(const char *name);
long sys_fchdir(int descriptor);

/* pipe.c */
long sys_pipe(int *descriptors);
long sys_pipe2(int *descriptors, unsigned flags);

/* stream.c */
long sys_sendmsg(int descriptor, const struct message *from, unsigned flags);
long sys_recvmsg(int descriptor, struct message *to, unsigned flags);

/* eventfd.c, memfd.c */
long sys_eventfd(unsigned count);
long sys_eventfd2(unsigned count, unsigned flags);
long sys_memfd_create(const char *user_name, unsigned flags);

/* memory.c */
long sys_brk(uint64_t end);
long sys_mmap(uint64_t address, uint64_t length, unsigned prot, unsigned flags, int descriptor,
              uint64_t offset);
long sys_munmap(uint64_t address, uint64_t length);
long sys_mprotect(uint64_t address, uint64_t length, unsigned prot);
long sys_mremap(uint64_t address, uint64_t old_length, uint64_t new_length, unsigned flags,
                uint64_t new_address);
long sys_madvise(uint64_t address, uint64_t length, int advice);
long sys_msync(uint64_t address, uint64_t length, int flags);
long sys_mincore(uint64_t address, uint64_t length, unsigned char *vector);
long sys_mlock(uint64_t address, uint64_t length);
long sys_munlock(uint64_t address, uint64_t length);
long sys_mlockall(int flags);
long sys_munlockall(void);

/* clock.c */
long sys_clock_gettime(int clock, struct timespec *to);
long sys_clock_getres(int clock, struct timespec *to);
long sys_gettimeofday(struct timeval *to, struct timezone *zone);
long sys_time(long *to);
long sys_times(struct tms *to);
long sys_nanosleep(const struct timespec *time, struct timespec *left);
long sys_clock_nanosleep(int clock, int flags, const struct timespec *time, struct timespec *left);

/* poll.c */
long sys_poll(struct pollfd *polls, unsigned count, int milliseconds);
long sys_ppoll(struct pollfd *polls, unsigned count, const struct timespec *timeout,
               const uint64_t *mask, size_t size);
long sys_select(int count, void *in, void *out, void *exceptional, struct timeval *timeout);
long sys_pselect6(int count, void *in, void *out, void *exceptional, const struct timespec *timeout,
                  const void *mask_argument);
long sys_sched_yield(void);

/* signal.c */
long sys_rt_sigaction(int signal, const struct sigaction *new, struct sigaction *old, size_t size);
long sys_rt_sigprocmask(int how, const uint64_t *new, uint64_t *old, size_t size);
long sys_rt_sigpending(uint64_t *set, size_t size);
long sys_rt_sigsuspend(const uint64_t *set, size_t size);
long sys_pause(void);
long sys_rt_sigtimedwait(const uint64_t *set, siginfo_t *info, const struct timespec *timeout,
                         size_t size);
long sys_sigaltstack(const stack_t *new, stack_t *old);
long sys_rt_sigreturn(void);
long sys_kill(int target, int signal);
long sys_tkill(int thread, int signal);
long sys_tgkill(int group, int thread, int signal);
long sys_alarm(unsigned seconds);
long sys_getitimer(int which, struct itimerval *value);
long sys_setitimer(int which, const struct itimerval *new, struct itimerval *old);

/* process.c */
long sys_exit(int status);
long sys_exit_group(int status);
long sys_getpid(void);
long sys_getppid(void);
long sys_gettid(void);
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_getresuid(uint32_t *real, uint32_t *effective, uint32_t *saved);
long sys_getresgid(uint32_t *real, uint32_t *effective, uint32_t *saved);
long sys_getgroups(int count, uint32_t *groups);
long sys_getpgrp(void);
long sys_getpgid(int id);
long sys_getsid(int id);
long sys_setsid(void);
long sys_setpgid(int id, int group);
long sys_uname(struct new_utsname *to);
long sys_arch_prctl(int code, uint64_t address);
long sys_prctl(int option, uint64_t argument);
long sys_set_tid_address(int *address);
long sys_set_robust_list(void *head, size_t size);
long sys_rseq(void *area, uint32_t length, int flags, uint32_t signature);
long sys_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout,
               uint32_t *second_word, uint32_t third_value);
long sys_membarrier(int command, unsigned flags);
long sys_fork(void);
long sys_vfork(void);
long sys_clone(uint64_t flags);
long sys_clone3(const struct clone_args *arguments, size_t size);
long sys_wait4(int id, int *status, int options, void *usage);
long sys_getrusage(int who, struct rusage *to);
long sys_prlimit64(int id, unsigned which, const struct rlimit64 *new, struct rlimit64 *old);
long sys_getrlimit(unsigned which, struct rlimit64 *to);
long sys_setrlimit(unsigned which, const struct rlimit64 *from);
long sys_getpriority(int which, int id);
long sys_setpriority(int which, int id, int priority);
long sys_sysinfo(struct sysinfo *to);
long sys_sched_getaffinity(int id, size_t size, uint64_t *mask);
long sys_sched_setaffinity(int id, size_t size, const uint64_t *mask);
long sys_sched_getparam(int id, int *priority);
long sys_sched_getscheduler(int id);
long sys_sched_get_priority_max(int policy);
long sys_sched_get_priority_min(int policy);
long sys_getcpu(unsigned *processor, unsigned *node);
long sys_get_mempolicy(int *policy, uint64_t *mask, uint64_t nodes, uint64_t address,
                       uint64_t flags);
long sys_socket(int family, int type, int protocol);
long sys_getrandom(void *bytes, size_t count, unsigned flags);

#endif
