// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static void show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerror(errno) : "");
}

/* ---- eventfd ---------------------------------------------------------------------------------- */

static void get(int fd)
{
    uint64_t value = 0;

    show("read", read(fd, &value, sizeof value));
    printf("value %llu\n", (unsigned long long)value);
}

static void put(int fd, uint64_t value)
{
    show("write", write(fd, &value, sizeof value));
}

static void look(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN | POLLOUT};
    int ready = poll(&polled, 1, 0);

    printf("poll: %d, %s%s%s\n", ready, polled.revents & POLLIN ? "in " : "",
           polled.revents & POLLOUT ? "out " : "", polled.revents & POLLERR ? "error" : "");
}

static int alarm_fd;

static void on_alarm(int number)
{
    uint64_t one = 1;

    (void)!write(alarm_fd, &one, sizeof one);
}

static void counters(void)
{
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    struct pollfd polled;
    struct stat status;
    uint64_t two[2];
    char small[4];
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), copy;

    printf("flags: %d %d\n", fcntl(fd, F_GETFD),
           (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == (O_NONBLOCK | O_RDWR));
    look(fd);
    get(fd);
    look(fd);
    get(fd);
    put(fd, 5);
    put(fd, 0);
    put(fd, 7);
    get(fd);
    put(fd, UINT64_MAX);
    put(fd, UINT64_MAX - 2);
    put(fd, 1);
    look(fd);
    put(fd, 1);
    get(fd);
    show("short read", read(fd, small, sizeof small));
    show("short write", write(fd, small, sizeof small));
    put(fd, 9);
    show("long read", read(fd, two, sizeof two));
    show("at an offset", pread(fd, two, 8, 0));
    show("truncate", ftruncate(fd, 10));
    show("map", (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
    show("bad address", write(fd, (void *)8, 8));
    fstat(fd, &status);
    printf("mode %o\n", status.st_mode);
    copy = dup(fd);
    put(copy, 2);
    close(copy);
    get(fd);
    close(fd);
    show("closed", write(fd, two, 8));
    show("bad flags", eventfd(0, 0x40000000));

    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    get(fd);
    get(fd);
    get(fd);
    put(fd, 4);
    get(fd);
    close(fd);

    /* One that blocks: a signal's handler is the only other who can write. */
    fd = alarm_fd = eventfd(0, 0);
    printf("flags: %d\n", fcntl(fd, F_GETFD));
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    get(fd);
    setitimer(ITIMER_REAL, &soon, NULL);
    polled = (struct pollfd){.fd = fd, .events = POLLIN};
    show("poll until the signal", poll(&polled, 1, 10000));
    show("poll after it", poll(&polled, 1, 10000));
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    get(fd);
    setitimer(ITIMER_REAL, &soon, NULL);
    get(fd);
    get(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    get(fd);
    close(fd);
}

/* ---- memfd_create ------------------------------------------------------------------------------ */

static void writing(int fd)
{
    static const char text[] = "some text";

    show("write inside", pwrite(fd, text, 4, 0));
    show("write over the end", pwrite(fd, text, 4, 8190));
    show("write behind", pwrite(fd, text, 4, 9000));
    show("grow", ftruncate(fd, 12288));
    show("allocate", posix_fallocate(fd, 0, 12288));
    show("shrink", ftruncate(fd, 4096));
    show("same size", ftruncate(fd, 8192));
}

static void seals(void)
{
    char long_name[300];
    int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING), other;
    struct stat status;
    char *a, *b;

    fstat(fd, &status);
    printf("mode %o links %d size %lld\n", status.st_mode, (int)status.st_nlink,
           (long long)status.st_size);
    printf("flags: %d %d\n", fcntl(fd, F_GETFD), (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    show("seals", fcntl(fd, F_GET_SEALS));
    show("allocate", posix_fallocate(fd, 0, 8192));
    fstat(fd, &status);
    printf("size %lld\n", (long long)status.st_size);
    show("no such seal", fcntl(fd, F_ADD_SEALS, 0x1000));
    show("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    show("seals", fcntl(fd, F_GET_SEALS));
    a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    b = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    strcpy(a + 5000, "one memory");
    printf("mapped twice: %s, %d\n", b + 5000, a[0]);
    writing(fd);
    show("seal against writing while mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(a, 8192);
    show("seal against writing while mapped to be read", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(b, 8192);
    show("seal against writing", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    writing(fd);
    a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    show("map shared", a == MAP_FAILED ? -1 : 0);
    a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    show("map private", a == MAP_FAILED ? -1 : 0);
    a[0] = 'x';
    printf("%.4s %s\n", a, a + 5000);
    munmap(a, 8192);
    show("seal the seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    show("one more", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    show("seals", fcntl(fd, F_GET_SEALS));
    close(fd);

    fd = memfd_create("", MFD_ALLOW_SEALING);
    printf("flags: %d\n", fcntl(fd, F_GETFD));
    ftruncate(fd, 8192);
    a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    show("seal what is to come", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    a[0] = 'y';
    show("write", pwrite(fd, "z", 1, 0));
    b = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    printf("read: %c\n", *b);
    show("make it writable", mprotect(b, 8192, PROT_READ | PROT_WRITE));
    show("map writable", (long)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    munmap(a, 8192);
    munmap(b, 8192);
    close(fd);

    fd = memfd_create("no seals", 0);
    show("seals", fcntl(fd, F_GET_SEALS));
    show("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    ftruncate(fd, 8192);
    writing(fd);
    /* It lives as long as a mapping. */
    a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    printf("%.4s\n", a);
    munmap(a, 4096);

    memset(long_name, 'n', sizeof long_name);
    long_name[249] = '\0';
    fd = memfd_create(long_name, 0);
    printf("a long name: %s\n", fd < 0 ? strerror(errno) : "good");
    close(fd);
    long_name[249] = 'n';
    long_name[250] = '\0';
    show("a longer one", memfd_create(long_name, 0));
    show("no name", memfd_create((char *)8, 0));
    show("bad flags", memfd_create("x", 0x4000));
    other = eventfd(0, 0);
    show("seals of another", fcntl(other, F_GET_SEALS));
    show("seal another", fcntl(other, F_ADD_SEALS, F_SEAL_GROW));
    close(other);
    show("seals of none", fcntl(other, F_GET_SEALS));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    counters();
    seals();
    return 0;
}
