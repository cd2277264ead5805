// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <linux/types.h>
typedef __u16 domid_t;
typedef __u32 grant_ref_t;
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

/* Linux's xen/evtchn.h; libxen-dev puts another file of that name in its place. */
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, 8)
#define EVTCHN_BIND_UNBOUND     _IOC(_IOC_NONE, 'E', 2, 4)
#define EVTCHN_UNBIND           _IOC(_IOC_NONE, 'E', 3, 4)
#define EVTCHN_NOTIFY           _IOC(_IOC_NONE, 'E', 4, 4)

#define SELF  0 /* dom0 */
#define PAGES 5
#define PAGE  4096

static int events;

static void check(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "good");
}

static int bind_unbound(void)
{
    uint32_t domain = SELF;

    return ioctl(events, EVTCHN_BIND_UNBOUND, &domain);
}

static int bind_to(int port)
{
    uint32_t peer[2] = {SELF, (uint32_t)port};

    return ioctl(events, EVTCHN_BIND_INTERDOMAIN, peer);
}

static int on_port(unsigned long command, int port)
{
    uint32_t number = (uint32_t)port;

    return ioctl(events, command, &number);
}

static int signalled(int milliseconds)
{
    struct pollfd polled = {.fd = events, .events = POLLIN};

    return poll(&polled, 1, milliseconds);
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void try_events(int *ours, int *theirs)
{
    uint32_t port, ports[4];

    puts("# events");
    *ours = bind_unbound();
    *theirs = bind_to(*ours);
    check("bind", *ours > 0 && *theirs > 0 ? 0 : -1);
    signalled(0); /* binding signals the other side once */
    while (signalled(0) > 0 && read(events, &port, 4) == 4)
        write(events, &port, 4);
    int64_t before = now();
    printf("nothing yet: %d", signalled(30));
    printf(", waited %d\n", now() - before >= 30000000);
    check("notify", on_port(EVTCHN_NOTIFY, *theirs));
    printf("signalled: %d", signalled(1000));
    printf(", read %zd", read(events, ports, sizeof ports));
    printf(", the port %d\n", ports[0] == (uint32_t)*ours);
    check("notify again", on_port(EVTCHN_NOTIFY, *theirs));
    printf("disabled until written: %d", signalled(10));
    write(events, &ports[0], 4);
    printf(" %d\n", signalled(1000));
    read(events, &port, 4);
    write(events, &port, 4);
    fcntl(events, F_SETFL, O_NONBLOCK);
    check("read, not blocking", read(events, &port, 4));
    check("not our port", on_port(EVTCHN_NOTIFY, 77));
    check("no such port to bind", bind_to(999));
    check("short read", read(events, &port, 3));
}

int main(void)
{
    int alloc = open("/dev/xen/gntalloc", O_RDWR), dev = open("/dev/xen/gntdev", O_RDWR);
    struct {
        struct ioctl_gntalloc_alloc_gref head;
        uint32_t more[PAGES - 1];
    } request = {.head = {.domid = SELF, .flags = GNTALLOC_FLAG_WRITABLE, .count = PAGES}};
    struct {
        struct ioctl_gntdev_map_grant_ref head;
        struct ioctl_gntdev_grant_ref more[PAGES - 1];
    } map = {.head = {.count = PAGES}};
    int ours, theirs;
    uint32_t port;

    setvbuf(stdout, NULL, _IONBF, 0);
    events = open("/dev/xen/evtchn", O_RDWR);
    check("open", alloc | dev | events);
    try_events(&ours, &theirs);

    puts("# grants");
    check("alloc", ioctl(alloc, IOCTL_GNTALLOC_ALLOC_GREF, &request));
    char *granted = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, alloc,
                         (off_t)request.head.index);
    check("map ours", granted == MAP_FAILED ? -1 : 0);
    printf("zero: %d\n", granted[0] | granted[PAGES * PAGE - 1]);
    /* Both structures end in an array of one element that stands for more. */
    uint32_t *refs = (uint32_t *)((char *)&request +
                                  offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids));
    struct ioctl_gntdev_grant_ref *named =
        (void *)((char *)&map + offsetof(struct ioctl_gntdev_map_grant_ref, refs));
    for (int i = 0; i < PAGES; i++)
        named[i] = (struct ioctl_gntdev_grant_ref){SELF, refs[i]};
    check("name theirs", ioctl(dev, IOCTL_GNTDEV_MAP_GRANT_REF, &map));
    char *mapped = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
                        (off_t)map.head.index);
    check("map theirs", mapped == MAP_FAILED ? -1 : 0);
    for (int i = 0; i < PAGES; i++) {
        snprintf(granted + i * PAGE, 50, "page %d, there", i);
        snprintf(mapped + i * PAGE + 2048, 50, "page %d, back", i);
    }
    for (int i = 0; i < PAGES; i += 2)
        printf("%s; %s\n", mapped + i * PAGE, granted + i * PAGE + 2048);
    printf("a system call writes there: %zd\n",
           pread(open("/dev/zero", O_RDONLY), mapped + 100, 200, 0));
    struct ioctl_gntdev_get_offset_for_vaddr where = {.vaddr = (uint64_t)mapped};
    check("offset", ioctl(dev, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &where));
    printf("%d pages there: %d\n", (int)where.count, where.offset == map.head.index);
    check("map it twice",
          mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, (off_t)map.head.index) == MAP_FAILED ? -1
                                                                                            : 0);
    check("protect", mprotect(mapped, PAGE, PROT_READ | PROT_EXEC));
    check("remap", mremap(mapped, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    check("private",
          mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, alloc, (off_t)request.head.index) == MAP_FAILED
              ? -1
              : 0);

    puts("# the end of a mapping");
    struct ioctl_gntdev_unmap_notify notify = {
        .index = map.head.index + PAGE + 5,
        .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
        .event_channel_port = (uint32_t)theirs,
    };
    check("ask for notice", ioctl(dev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &notify));
    printf("before: %d, signalled %d\n", granted[PAGE + 5] != 0, signalled(0));
    check("unmap the first two", munmap(mapped, 2 * PAGE));
    printf("after: %d, signalled %d\n", granted[PAGE + 5] != 0, signalled(1000));
    read(events, &port, 4);
    write(events, &port, 4);
    printf("the others stay: %s\n", mapped + 4 * PAGE);
    struct ioctl_gntalloc_dealloc_gref dealloc = {.index = request.head.index, .count = PAGES};
    check("give back while mapped there", ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc));
    check("twice", ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc));
    strcpy(mapped + 4 * PAGE, "still the same page");
    printf("ours: %s\n", granted + 4 * PAGE);
    check("unmap ours", munmap(granted, PAGES * PAGE));
    printf("theirs: %s\n", mapped + 4 * PAGE);
    check("unmap theirs", munmap(mapped + 2 * PAGE, 3 * PAGE));

    puts("# errors");
    map.head.count = 1;
    map.head.refs[0].ref = 500;
    check("name a grant that nobody made", ioctl(dev, IOCTL_GNTDEV_MAP_GRANT_REF, &map));
    check("map it",
          mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, (off_t)map.head.index) == MAP_FAILED ? -1
                                                                                            : 0);
    request.head.count = 0;
    check("no pages", ioctl(alloc, IOCTL_GNTALLOC_ALLOC_GREF, &request));
    request.head.count = 1000000;
    check("too many", ioctl(alloc, IOCTL_GNTALLOC_ALLOC_GREF, &request));
    check("no such call", ioctl(alloc, 12345, &request));

    puts("# grants come back");
    int failed = 0;
    for (int i = 0; i < 8000 && !failed; i++) {
        request.head.count = PAGES;
        failed = ioctl(alloc, IOCTL_GNTALLOC_ALLOC_GREF, &request);
        dealloc.index = request.head.index;
        failed |= ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc);
    }
    check("40,000 pages, more than there are grants", failed);
    check("unbind", on_port(EVTCHN_UNBIND, theirs));
    check("unbind twice", on_port(EVTCHN_UNBIND, theirs));
    return 0;
}
