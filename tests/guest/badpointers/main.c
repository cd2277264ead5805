// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <asm/prctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static long bad[6];
static char area[8192] __attribute__((aligned(4096)));

#define GOOD ((long)area)
#define BAD  0x5ad /* replaced by each bad pointer in turn */
#define LATE 0x5ae /* likewise; NULL would be good, and wait for ever */

struct call {
    const char *name;
    long number, arguments[6];
};

#define CALL(name, ...)                                                                            \
    {                                                                                              \
#name, SYS_##name,                                                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static long fd_file, fd_read;

int main(void)
{
    char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec *vector = (struct iovec *)(area + 1024);
    struct timespec *nap = (struct timespec *)(area + 2048);

    setvbuf(stdout, NULL, _IONBF, 0);
    umask(022);
    mprotect(page + 4096, 4096, PROT_NONE);
    munmap(page + 8192, 4096);
    bad[0] = 0;
    bad[1] = 0x10;
    bad[2] = (long)page + 4096;
    bad[3] = (long)page + 8192;
    bad[4] = (long)0xffff800000001000; /* the hypervisor's */
    bad[5] = (long)0xffffffff80000000; /* the kernel's */
    strcpy(area, "caravan-bad");
    fd_file = open("caravan-bad", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write((int)fd_file, area, 4096);
    fd_read = open(".", O_RDONLY);

    struct call calls[] = {
        CALL(read, fd_file, BAD, 16),
        CALL(write, fd_file, BAD, 16),
        CALL(pread64, fd_file, BAD, 16, 0),
        CALL(pwrite64, fd_file, BAD, 16, 0),
        CALL(readv, fd_file, BAD, 2),
        CALL(writev, fd_file, BAD, 2),
        CALL(preadv, fd_file, BAD, 2, 0),
        CALL(pwritev, fd_file, BAD, 2, 0),
        CALL(open, BAD, O_RDONLY),
        CALL(openat, AT_FDCWD, BAD, O_RDONLY),
        CALL(creat, BAD, 0600),
        CALL(stat, BAD, GOOD),
        CALL(stat, GOOD, BAD),
        CALL(lstat, BAD, GOOD),
        CALL(lstat, GOOD, BAD),
        CALL(fstat, fd_file, BAD),
        CALL(newfstatat, AT_FDCWD, BAD, GOOD, 0),
        CALL(newfstatat, AT_FDCWD, GOOD, BAD, 0),
        CALL(statx, AT_FDCWD, BAD, 0, STATX_BASIC_STATS, GOOD),
        CALL(statx, AT_FDCWD, GOOD, 0, STATX_BASIC_STATS, BAD),
        CALL(statfs, BAD, GOOD),
        CALL(statfs, GOOD, BAD),
        CALL(fstatfs, fd_file, BAD),
        CALL(access, BAD, 0),
        CALL(faccessat, AT_FDCWD, BAD, 0),
        CALL(faccessat2, AT_FDCWD, BAD, 0, 0),
        CALL(getdents64, fd_read, BAD, 1000),
        CALL(mkdir, BAD, 0700),
        CALL(mkdirat, AT_FDCWD, BAD, 0700),
        CALL(rmdir, BAD),
        CALL(unlink, BAD),
        CALL(unlinkat, AT_FDCWD, BAD, 0),
        CALL(rename, BAD, GOOD),
        CALL(rename, GOOD, BAD),
        CALL(renameat2, AT_FDCWD, BAD, AT_FDCWD, GOOD, 0),
        CALL(renameat2, AT_FDCWD, GOOD, AT_FDCWD, BAD, 0),
        CALL(link, BAD, GOOD),
        CALL(link, GOOD, BAD),
        CALL(symlink, BAD, GOOD),
        CALL(symlink, GOOD, BAD),
        CALL(readlink, BAD, GOOD, 100),
        CALL(readlink, (long)"/proc/self/exe", BAD, 100),
        CALL(readlinkat, AT_FDCWD, BAD, GOOD, 100),
        CALL(chmod, BAD, 0600),
        CALL(fchmodat, AT_FDCWD, BAD, 0600),
        CALL(chown, BAD, -1, -1),
        CALL(fchownat, AT_FDCWD, BAD, -1, -1, 0),
        CALL(utimensat, AT_FDCWD, GOOD, BAD, 0),
        CALL(truncate, BAD, 0),
        CALL(getcwd, BAD, 1000),
        CALL(chdir, BAD),
        CALL(ioctl, fd_file, 0x5421 /* FIONBIO */, BAD),
        CALL(fcntl, fd_file, F_GETLK, BAD),
        CALL(fcntl, fd_file, F_SETLK, BAD),
        CALL(mincore, GOOD, 4096, BAD),
        CALL(clock_gettime, CLOCK_MONOTONIC, BAD),
        CALL(clock_getres, CLOCK_MONOTONIC, BAD),
        CALL(gettimeofday, BAD, 0),
        CALL(gettimeofday, 0, BAD),
        CALL(time, BAD),
        CALL(nanosleep, BAD, 0),
        CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, 0),
        CALL(setitimer, ITIMER_REAL, 0, BAD),
        CALL(getitimer, ITIMER_REAL, BAD),
        CALL(poll, BAD, 1, 0),
        CALL(ppoll, BAD, 1, (long)nap, 0, 8),
        CALL(ppoll, 0, 0, (long)nap, BAD, 8),
        CALL(select, 1, BAD, 0, 0, (long)nap),
        CALL(select, 1, 0, BAD, 0, (long)nap),
        CALL(pselect6, 1, 0, 0, BAD, (long)nap, 0),
        CALL(pselect6, 1, 0, 0, 0, (long)nap, BAD),
        CALL(rt_sigaction, SIGUSR1, BAD, 0, 8),
        CALL(rt_sigaction, SIGUSR1, 0, BAD, 8),
        CALL(rt_sigprocmask, SIG_BLOCK, BAD, 0, 8),
        CALL(rt_sigprocmask, SIG_BLOCK, 0, BAD, 8),
        CALL(rt_sigpending, BAD, 8),
        CALL(rt_sigtimedwait, BAD, 0, (long)nap, 8),
        CALL(rt_sigtimedwait, GOOD + 4096, 0, LATE, 8),
        CALL(sigaltstack, BAD, 0),
        CALL(sigaltstack, 0, BAD),
        CALL(getresuid, BAD, GOOD, GOOD),
        CALL(getresgid, GOOD, BAD, GOOD),
        CALL(uname, BAD),
        CALL(sysinfo, BAD),
        CALL(times, BAD),
        CALL(getrusage, 0, BAD),
        CALL(getrlimit, 7, BAD),
        CALL(setrlimit, 7, BAD),
        CALL(prlimit64, 0, 7, BAD, 0),
        CALL(prlimit64, 0, 7, 0, BAD),
        CALL(sched_getaffinity, 0, 128, BAD),
        CALL(sched_setaffinity, 0, 8, BAD),
        CALL(getcpu, BAD, 0),
        CALL(getrandom, BAD, 16, 0),
        CALL(futex, BAD, FUTEX_WAIT, 0, (long)nap),
        CALL(futex, GOOD, FUTEX_WAIT, *(int *)area, LATE),
        CALL(arch_prctl, ARCH_GET_FS, BAD),
        CALL(prctl, PR_SET_NAME, BAD),
        CALL(prctl, PR_GET_NAME, BAD),
        CALL(set_robust_list, BAD, 3),
        CALL(sendfile, 1, fd_file, BAD, 0),
        CALL(copy_file_range, 99, BAD, 98, 0, 10, 0),
    };

    for (unsigned c = 0; c < sizeof calls / sizeof *calls; c++) {
        printf("%s:", calls[c].name);
        for (int b = 0; b < 6; b++) {
            long a[6], result;

            for (int i = 0; i < 6; i++)
                a[i] = calls[c].arguments[i] == BAD    ? bad[b]
                       : calls[c].arguments[i] == LATE ? bad[b ? b : 1]
                                                       : calls[c].arguments[i];
            memset(nap, 0, sizeof *nap);
            lseek((int)fd_read, 0, SEEK_SET);
            lseek((int)fd_file, 0, SEEK_SET);
            errno = 0;
            result = syscall(calls[c].number, a[0], a[1], a[2], a[3], a[4], a[5]);
            if (result == -1)
                printf(" %s", strerrorname_np(errno));
            else
                printf(" ok");
        }
        printf("\n");
    }

    puts("# a vector whose second part is bad; a buffer that ends in a bad page");
    vector[0] = (struct iovec){area + 4096, 100};
    for (int b = 0; b < 6; b++) {
        vector[1] = (struct iovec){(void *)bad[b], 100};
        printf("%ld ", syscall(SYS_pwritev, fd_file, vector, 2, 0, 0));
        printf("%ld ", syscall(SYS_preadv, fd_file, vector, 2, 0, 0));
    }
    printf("%ld ", syscall(SYS_pread64, fd_file, page + 4096 - 100, 200, 0));
    printf("%ld ", syscall(SYS_pwrite64, fd_file, page + 4096 - 100, 200, 0));
    printf("%ld ", syscall(SYS_getrandom, page + 4096 - 100, 200, 0));
    printf("%ld\n", syscall(SYS_pread64, fd_file, area, (size_t)-1 >> 1, 0));
    mprotect(page, 4096, PROT_READ);
    printf("read only: %ld %s\n", syscall(SYS_pread64, fd_file, page, 10, 0),
           strerrorname_np(errno));
    unlink("caravan-bad");
    return 0;
}
