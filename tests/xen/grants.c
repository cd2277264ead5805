// SPDX-License-Identifier: BSD-2-Clause
/* Pages that two domUs share, through Linux's /dev/xen devices, and what becomes of them.
 *
 *   grants give DOMAIN                      grant pages to it, say which, and play through with it
 *   grants take DOMAIN PORT REF REF REF     the other side
 *   grants keep DOMAIN PORT REF REF REF     map the first page; read it again after a line of input
 *
 * The one that gives prints `grants: port P pages R R R`, from which the scenario makes the other's
 * command line. Both go through the same steps, each of which is published in the first page. All
 * waits are bounded; the first thing that is not as it should be is printed and ends the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
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
#define EVTCHN_NOTIFY           _IOC(_IOC_NONE, 'E', 4, 4)

#define PAGE      4096
#define PAGES     3
#define ROUNDS    20000 /* of polling */
#define DOORBELLS 200
#define PATIENCE  60 /* s */
#define REFS      32768
#define GRANTED   1024 /* pages an IOCTL_GNTALLOC_ALLOC_GREF */

/* The steps after the rounds of polling, which are numbered from 1. */
enum step { REVOKED = ROUNDS + 1, UNTOUCHED, LET_GO, NEVER_MAPPED, NO_SUCH_GRANT, AGAIN };

/* The first page. Each side writes its own line only. */
struct shared {
    _Alignas(64) _Atomic uint32_t giver;
    _Alignas(64) _Atomic uint32_t taker;
    _Alignas(64) uint8_t there; /* cleared when the taker unmaps the page */
};

static int events, port;

static void failed(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void failed(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("grants: bad: ");
    vprintf(format, arguments);
    printf(" (%s)\n", strerror(errno));
    exit(1);
}

static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
    time_t until = time(NULL) + PATIENCE;

    while (*word != value)
        if (time(NULL) > until)
            failed("waited for step %u, the other side is at %u", value, *word);
}

static void ring(void)
{
    uint32_t number = (uint32_t)port;

    if (ioctl(events, EVTCHN_NOTIFY, &number))
        failed("cannot ring");
}

static void wait_doorbell(void)
{
    struct pollfd polled = {.fd = events, .events = POLLIN};
    uint32_t number = 0;

    if (poll(&polled, 1, PATIENCE * 1000) != 1)
        failed("no doorbell");
    if (read(events, &number, sizeof number) != sizeof number || number != (uint32_t)port)
        failed("a doorbell of port %u instead of %d", number, port);
    if (write(events, &number, sizeof number) != sizeof number)
        failed("cannot enable port %u", number);
}

static void fill(uint64_t *words, uint64_t seed)
{
    for (uint64_t i = 0; i < PAGE / 16; i++)
        words[i] = (seed + 1) * 0xd1342543de82ef95u + i;
}

static void check(const char *what, const uint64_t *words, uint64_t seed)
{
    for (uint64_t i = 0; i < PAGE / 16; i++)
        if (words[i] != (seed + 1) * 0xd1342543de82ef95u + i)
            failed("%s: word %lu is %lx in round %lu", what, i, words[i], seed);
}

/* Grant `count` pages; their numbers and their place, or NULL: there are not so many left. */
static void *give_pages(int device, domid_t domain, unsigned count, uint32_t *refs, uint64_t *index)
{
    union {
        struct ioctl_gntalloc_alloc_gref head;
        char room[sizeof(struct ioctl_gntalloc_alloc_gref) + GRANTED * sizeof(uint32_t)];
    } request = {.head = {.domid = domain, .flags = GNTALLOC_FLAG_WRITABLE}};
    void *pages;

    request.head.count = count;
    if (ioctl(device, IOCTL_GNTALLOC_ALLOC_GREF, &request)) {
        if (errno != ENOSPC)
            failed("cannot grant %u pages", count);
        return NULL;
    }
    memcpy(refs, request.room + offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids),
           count * sizeof *refs);
    *index = request.head.index;
    pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device,
                 (off_t)request.head.index);
    if (pages == MAP_FAILED)
        failed("cannot map own pages");
    return pages;
}

/* Grant all that can be granted, scribble on it, and take it back. Whether `ref` was used. */
static bool reused(domid_t domain, uint32_t ref)
{
    static struct {
        void *pages;
        unsigned count;
    } lots[REFS];
    static uint32_t refs[GRANTED];
    int device = open("/dev/xen/gntalloc", O_RDWR);
    unsigned lot_count = 0;
    bool found = false;
    uint64_t index;

    for (unsigned count = GRANTED; count;) {
        void *pages = give_pages(device, domain, count, refs, &index);

        if (!pages) {
            count /= 2;
            continue;
        }
        memset(pages, 0xff, (size_t)count * PAGE);
        for (unsigned i = 0; i < count; i++)
            found = found || refs[i] == ref;
        lots[lot_count].pages = pages;
        lots[lot_count++].count = count;
    }
    if (!lot_count)
        failed("nothing can be granted");
    for (unsigned i = 0; i < lot_count; i++)
        munmap(lots[i].pages, (size_t)lots[i].count * PAGE);
    close(device);
    return found;
}

static void take_back(int device, uint64_t index, void *page)
{
    struct ioctl_gntalloc_dealloc_gref request = {.index = index, .count = 1};

    if (ioctl(device, IOCTL_GNTALLOC_DEALLOC_GREF, &request) || munmap(page, PAGE))
        failed("cannot take a page back");
}

static void give(domid_t domain)
{
    int device = open("/dev/xen/gntalloc", O_RDWR);
    uint32_t refs[PAGES], peer = domain;
    uint64_t index;
    char *pages = give_pages(device, domain, PAGES, refs, &index);
    struct shared *shared = (void *)pages;
    uint64_t *words = (void *)(pages + PAGE);
    time_t until;

    if (!pages)
        failed("cannot grant");
    port = ioctl(events, EVTCHN_BIND_UNBOUND, &peer);
    if (port <= 0)
        failed("no event channel");
    shared->there = 1;
    fill((uint64_t *)(pages + PAGE / 2), 0);
    printf("grants: port %d pages %u %u %u\n", port, refs[0], refs[1], refs[2]);

    wait_doorbell(); /* the other one has come */
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        fill(words, round);
        shared->giver = round;
        wait_for(&shared->taker, round);
        check("the other's answer", words + PAGE / 16, round + ROUNDS);
    }
    printf("grants: %d rounds\n", ROUNDS);
    for (int i = 0; i < DOORBELLS; i++) {
        ring();
        wait_doorbell();
    }
    printf("grants: %d doorbells\n", DOORBELLS);

    take_back(device, index + PAGE, pages + PAGE);
    if (reused(domain, refs[1]))
        failed("a grant that the other side has mapped was used again");
    /* Nor is the page in use as memory. */
    size_t size = 8 << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        failed("no memory");
    memset(memory, 0xee, size);
    shared->giver = REVOKED;
    wait_for(&shared->taker, UNTOUCHED);
    for (size_t i = 0; i < size; i++)
        if (memory[i] != (char)0xee)
            failed("the other side writes to memory that it has no grant for");
    munmap(memory, size);
    if (reused(domain, refs[1]))
        failed("a grant that the other side has mapped was used again, later");
    shared->giver = LET_GO;
    wait_for(&shared->taker, LET_GO);
    if (!reused(domain, refs[1]))
        failed("a grant that nobody maps any more does not come back");
    printf("grants: taken back while mapped: kept until then\n");

    take_back(device, index + 2 * PAGE, pages + 2 * PAGE);
    shared->giver = NEVER_MAPPED;
    wait_for(&shared->taker, NO_SUCH_GRANT);

    wait_doorbell();
    if (shared->there)
        failed("a doorbell, but no byte cleared");
    printf("grants: noticed the end of a mapping\n");
    shared->giver = AGAIN;
    wait_for(&shared->taker, AGAIN);

    take_back(device, index, pages);
    if (reused(domain, refs[0]))
        failed("a grant that the other side has mapped again was used again");
    printf("grants: destroy the other one\n");
    for (until = time(NULL) + PATIENCE; !reused(domain, refs[0]); usleep(200000))
        if (time(NULL) > until)
            failed("the page that a dead domain had mapped does not come back");
    ring(); /* nobody is there, and nothing happens */
    printf("grants: its page came back\n");
}

/* Map one page of another domain; NULL: refused. */
static void *take_page(int device, domid_t domain, uint32_t ref, uint64_t *index)
{
    struct ioctl_gntdev_map_grant_ref request = {.count = 1,
                                                 .refs = {{.domid = domain, .ref = ref}}};
    void *page;

    if (ioctl(device, IOCTL_GNTDEV_MAP_GRANT_REF, &request))
        failed("cannot name grant %u", ref);
    *index = request.index;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)request.index);
    return page == MAP_FAILED ? NULL : page;
}

static void take(domid_t domain, unsigned remote_port, const uint32_t *refs)
{
    int device = open("/dev/xen/gntdev", O_RDWR);
    uint32_t peer[2] = {domain, remote_port};
    uint64_t index, other_index;
    struct shared *shared = take_page(device, domain, refs[0], &index);
    uint64_t *words = take_page(device, domain, refs[1], &other_index);

    if (!shared || !words)
        failed("cannot map");
    if (take_page(device, domain, REFS - 1, &other_index))
        failed("mapped a grant that nobody made");
    port = ioctl(events, EVTCHN_BIND_INTERDOMAIN, peer);
    if (port <= 0)
        failed("no event channel");
    while (poll(&(struct pollfd){.fd = events, .events = POLLIN}, 1, 0) == 1)
        wait_doorbell(); /* binding may signal this side */
    ring();

    for (uint32_t round = 1; round <= ROUNDS; round++) {
        wait_for(&shared->giver, round);
        check("the other's question", words, round);
        fill(words + PAGE / 16, round + ROUNDS);
        shared->taker = round;
    }
    for (int i = 0; i < DOORBELLS; i++) {
        wait_doorbell();
        ring();
    }

    wait_for(&shared->giver, REVOKED);
    check("a page that was taken back", words, ROUNDS);
    check("its other half", words + PAGE / 16, 2 * ROUNDS);
    fill(words, REVOKED);
    shared->taker = UNTOUCHED;
    wait_for(&shared->giver, LET_GO);
    check("a page that was taken back, later", words, REVOKED);
    if (munmap(words, PAGE))
        failed("cannot unmap");
    shared->taker = LET_GO;

    wait_for(&shared->giver, NEVER_MAPPED);
    if (take_page(device, domain, refs[2], &other_index))
        failed("mapped a grant that was taken back");
    struct ioctl_gntdev_unmap_notify notify = {
        .index = index + offsetof(struct shared, there),
        .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
        .event_channel_port = (uint32_t)port,
    };

    if (ioctl(device, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &notify))
        failed("cannot ask for notice");
    shared->taker = NO_SUCH_GRANT;
    if (munmap(shared, PAGE))
        failed("cannot unmap the first page");
    shared = take_page(device, domain, refs[0], &index);
    if (!shared)
        failed("cannot map the first page again");
    wait_for(&shared->giver, AGAIN);
    shared->taker = AGAIN;
    sleep(10 * PATIENCE); /* until the domain is destroyed */
    failed("nobody destroys this domain");
}

static void keep(domid_t domain, uint32_t ref)
{
    uint64_t index;
    char *page = take_page(open("/dev/xen/gntdev", O_RDWR), domain, ref, &index);
    char line[2];

    if (!page)
        failed("cannot map");
    check("the page", (uint64_t *)(page + PAGE / 2), 0);
    printf("grants: mapped\n");
    if (read(STDIN_FILENO, line, sizeof line) < 1)
        failed("no input");
    check("the page of a dead domain", (uint64_t *)(page + PAGE / 2), 0);
    fill((uint64_t *)(page + PAGE / 2), 1);
    check("the page of a dead domain, written", (uint64_t *)(page + PAGE / 2), 1);
    if (munmap(page, PAGE))
        failed("cannot unmap a dead domain's page");
    printf("grants: read it and let go\n");
}

int main(int argc, char **argv)
{
    domid_t domain = argc > 2 ? (domid_t)atoi(argv[2]) : 0;
    uint32_t refs[PAGES];
    uint64_t random = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        failed("no random numbers");
    printf("grants: random %016lx\n", random);
    events = open("/dev/xen/evtchn", O_RDWR);
    for (int i = 0; i < PAGES && argc == 4 + PAGES; i++)
        refs[i] = (uint32_t)atoi(argv[4 + i]);
    if (argc == 3 && !strcmp(argv[1], "give")) {
        give(domain);
    } else if (argc == 4 + PAGES && !strcmp(argv[1], "take")) {
        take(domain, (unsigned)atoi(argv[3]), refs);
    } else if (argc == 4 + PAGES && !strcmp(argv[1], "keep")) {
        keep(domain, refs[0]);
    } else {
        fprintf(stderr, "usage: grants give DOMAIN | take|keep DOMAIN PORT REF REF REF\n");
        return 2;
    }
    printf("grants: good\n");
    return 0;
}
