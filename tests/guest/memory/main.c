// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf back;
static volatile int got_signal, got_code;

static void handler(int signal, siginfo_t *info, void *context)
{
    got_signal = signal;
    got_code = info->si_code;
    siglongjmp(back, 1);
}

/* What touching an address does. */
static const char *touch(volatile char *address, int write)
{
    static char text[64];

    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *address = 1;
        else
            (void)*address;
        return "fine";
    }
    snprintf(text, sizeof text, "signal %d code %d", got_signal, got_code);
    return text;
}

static void show(const char *what, void *result)
{
    printf("%s: %s\n", what, result == MAP_FAILED ? strerror(errno) : "mapped");
}

static void show_int(const char *what, int result)
{
    printf("%s: %s\n", what, result ? strerror(errno) : "0");
}

static unsigned long sum(const char *bytes, size_t length)
{
    unsigned long total = 0;

    for (size_t i = 0; i < length; i++)
        total = total * 31 + (unsigned char)bytes[i];
    return total;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    char *a, *b, *c;
    int fd;

    setvbuf(stdout, NULL, _IONBF, 0);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);

    puts("# brk");
    a = sbrk(0);
    printf("grown: %d\n", sbrk(3 * PAGE + 5) == a);
    memset(a, 7, 3 * PAGE + 5);
    printf("shrunk: %d\n", sbrk(-(3 * PAGE + 5)) == a + 3 * PAGE + 5);
    b = sbrk(2 * PAGE);
    printf("again: %d, zero %d\n", b == a, a[PAGE]);

    puts("# anonymous");
    a = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    printf("zeroed: %lu\n", sum(a, 64 * PAGE));
    memset(a, 0x5a, 64 * PAGE);
    show_int("hole", munmap(a + 10 * PAGE, 3 * PAGE));
    printf("in the hole: %s\n", touch(a + 11 * PAGE, 0));
    printf("beside it: %s\n", touch(a + 13 * PAGE, 1));
    b = mmap(a + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    printf("filled: %d\n", b == a + 10 * PAGE);
    show("over it, no replace",
         mmap(a + 10 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    b = mmap(a + 20 * PAGE, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0);
    printf("replaced: %d %d %d\n", a[20 * PAGE], a[19 * PAGE], a[21 * PAGE]);

    puts("# protections");
    show_int("read only", mprotect(a + 30 * PAGE, 2 * PAGE, PROT_READ));
    printf("read: %s\n", touch(a + 30 * PAGE, 0));
    printf("write: %s\n", touch(a + 30 * PAGE, 1));
    show_int("none", mprotect(a + 30 * PAGE, 2 * PAGE, PROT_NONE));
    printf("read: %s\n", touch(a + 31 * PAGE, 0));
    show_int("again", mprotect(a + 30 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    printf("kept: %x %x\n", a[30 * PAGE], a[31 * PAGE + 99]);
    show_int("across the hole", mprotect(a, 64 * PAGE, PROT_READ));
    show_int("unaligned", mprotect(a + 1, PAGE, PROT_READ));
    show_int("all back", mprotect(a, 10 * PAGE, PROT_READ | PROT_WRITE));
    unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    memcpy(b, code, sizeof code);
    show_int("executable", mprotect(b, PAGE, PROT_READ | PROT_EXEC));
    printf("run: %d\n", ((int (*)(void))b)());

    puts("# madvise");
    memset(a, 3, 10 * PAGE);
    show_int("dontneed", madvise(a + PAGE, 2 * PAGE, MADV_DONTNEED));
    printf("%d %d %d %d\n", a[0], a[PAGE], a[2 * PAGE], a[3 * PAGE]);
    show_int("hugepage", madvise(a, PAGE, MADV_HUGEPAGE));
    show_int("nonsense", madvise(a, PAGE, 12345));
    show_int("unaligned", madvise(a + 1, PAGE, MADV_NORMAL));

    puts("# mremap");
    b = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    for (int i = 0; i < 8 * PAGE; i++)
        b[i] = (char)(i * 7);
    unsigned long before = sum(b, 8 * PAGE);
    c = mremap(b, 8 * PAGE, 4000 * PAGE, MREMAP_MAYMOVE);
    printf("grown: %d, zero %d\n", sum(c, 8 * PAGE) == before, c[3999 * PAGE]);
    b = mremap(c, 4000 * PAGE, 8 * PAGE, 0);
    printf("shrunk: %d %s\n", b == c && sum(b, 8 * PAGE) == before, touch(b + 9 * PAGE, 0));
    c = mmap(NULL, 16 * PAGE, PROT_NONE, ANON, -1, 0);
    b = mremap(b, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c + 4 * PAGE);
    printf("moved: %d\n", b == c + 4 * PAGE && sum(b, 8 * PAGE) == before);
    printf("beside it: %s\n", touch(b - 1, 0));
    show("not mapped", mremap((void *)0x10000000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));

    puts("# reservations");
    for (int i = 0; i < 4; i++)
        show("64 GiB", mmap(NULL, 64ul << 30, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
    a = mmap(NULL, 1ul << 40, PROT_READ | PROT_WRITE, ANON | MAP_NORESERVE, -1, 0);
    show("1 TiB, writable", a);
    a[0] = a[1ul << 39] = a[(1ul << 40) - 1] = 1;
    printf("used: %d\n", a[0] + a[1ul << 39] + a[(1ul << 40) - 1]);
    show_int("gone", munmap(a, 1ul << 40));
    printf("malloc of far too much: %d\n", malloc(1ul << 46) == NULL);

    puts("# files");
    fd = open("/tmp/caravan-memory", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 3 * PAGE / 4 + 25; i++)
        write(fd, &i, 4);
    a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    b = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("same: %d\n", memcmp(a, b, 4 * PAGE));
    printf("tail: %d %d\n", ((int *)a)[3 * PAGE / 4 + 24], ((int *)a)[3 * PAGE / 4 + 25]);
    a[10] = 'S';
    b[11] = 'P';
    char check[2];
    pread(fd, check, 2, 10);
    printf("shared reaches the file: %d, private does not: %d\n", check[0] == 'S', check[1] != 'P');
    pwrite(fd, "W", 1, 12);
    printf("writes are seen: %d\n", a[12] == 'W');
    printf("beyond the end: %s\n",
           touch(mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0) + 5 * PAGE, 0));
    show_int("sync", msync(a, 4 * PAGE, MS_SYNC));
    c = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
    printf("offset: %d\n", ((int *)c)[0]);
    show_int("then written", mprotect(c, PAGE, PROT_READ | PROT_WRITE));
    ((int *)c)[0] = -1;
    printf("file unchanged: %d\n", ((int *)a)[2 * PAGE / 4]);
    show_int("truncate", ftruncate(fd, PAGE));
    printf("cut off: %s\n", touch(a + 2 * PAGE, 0));
    show_int("and longer", ftruncate(fd, 4 * PAGE));
    printf("zeros: %lu\n", sum(a + PAGE, 3 * PAGE));
    unlink("/tmp/caravan-memory");
    close(fd);
    printf("after unlink and close: %c\n", a[10]);
    fd = open("/proc/self/exe", O_RDONLY);
    show("write, shared, read-only file", mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0));
    show("not a multiple", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100));
    a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    a[0] = 'x';
    printf("private of a read-only file: %.4s\n", a);
    close(fd);

    puts("# errors");
    show("no length", mmap(NULL, 0, PROT_READ, ANON, -1, 0));
    show("no kind", mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    show("no file", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
    show("fixed, unaligned", mmap((void *)0x10000001, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
    show("fixed, kernel",
         mmap((void *)0xffff800000000000, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
    show_int("unmap, unaligned", munmap((void *)0x10000001, PAGE));
    show_int("unmap nothing", munmap((void *)0x10000000, PAGE));
    printf("null: %s\n", touch(NULL, 0));
    printf("kernel: %s\n", touch((char *)0xffffffff80000000, 1));

    puts("# many areas");
    a = mmap(NULL, 2000 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    for (int i = 0; i < 2000; i += 2)
        mprotect(a + i * PAGE, PAGE, PROT_READ);
    for (int i = 1; i < 2000; i += 2)
        a[i * PAGE] = 1;
    for (int i = 0; i < 2000; i += 2)
        mprotect(a + i * PAGE, PAGE, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 2000; i++)
        a[i * PAGE]++;
    printf("%lu\n", sum(a, 2000 * PAGE));
    return 0;
}
