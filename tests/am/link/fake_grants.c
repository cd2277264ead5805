/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/am/link/fake_grants.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

enum { FILES = 1024, PIECES = 256, PORTS = 512, FIRST_REF = 8 };

#define INDEX(i) ((uint64_t)(i) << 24)

enum kind { CLOSED, GNTALLOC, GNTDEV, EVTCHN };

static struct {
    enum kind kind;
    uint32_t domain;
} file[FILES];

/* Pages of one call. */
static struct piece {
    uint32_t owner, reader, first, count;
    int memory;      /* -1: free */
    unsigned mapped; /* by the reader */
    bool given_back;
} piece[PIECES];

/* What gntdev was told to map. */
static struct {
    uint32_t domain, first, count;
    bool in_a_row;
    uint32_t reader;
} named[PIECES];
static unsigned names;

static struct {
    int fd; /* 0: free */
    uint32_t owner, remote;
    uint32_t other; /* 0: not bound */
    bool pending, quiet;
} port[PORTS];

static struct mapping {
    void *base;
    struct piece *piece;
    bool reader;
} mapping[PIECES];

static uint32_t current, limit = UINT32_MAX, next_ref = FIRST_REF;
static unsigned pieces;
static int absent;
static unsigned calls, events;

void fake_grants_as(uint32_t domain)
{
    current = domain;
}

void fake_grants_limit(uint32_t pages)
{
    limit = pages;
}

void fake_grants_absent(int error)
{
    absent = error;
}

struct fake_grants_counts fake_grants_count(void)
{
    struct fake_grants_counts counts = {.calls = calls, .events = events};

    for (unsigned i = 1; i <= pieces; i++) {
        if (piece[i].memory < 0)
            continue;
        *(piece[i].given_back ? &counts.kept : &counts.pages) += piece[i].count;
        counts.mapped += piece[i].mapped ? piece[i].count : 0;
    }
    for (unsigned i = 1; i < PORTS; i++)
        counts.ports += port[i].fd != 0;
    for (unsigned i = 0; i < FILES; i++)
        counts.open += file[i].kind != CLOSED;
    return counts;
}

static int fake_open(const char *path)
{
    int fd = absent ? -absent : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return fd;
    if (fd >= FILES)
        abort();
    file[fd].kind = strstr(path, "gntalloc") ? GNTALLOC : strstr(path, "gntdev") ? GNTDEV : EVTCHN;
    file[fd].domain = current;
    return fd;
}

static void piece_free_if_unused(struct piece *one)
{
    if (one->given_back && !one->mapped) {
        close(one->memory);
        one->memory = -1;
    }
}

static int alloc(uint32_t domain, struct ioctl_gntalloc_alloc_gref *request)
{
    uint32_t used = 0;
    struct piece *one;

    for (unsigned i = 1; i <= pieces; i++)
        used += piece[i].memory >= 0 && piece[i].owner == domain ? piece[i].count : 0;
    if (used + request->count > limit)
        return -ENOSPC;
    if (++pieces == PIECES)
        abort();
    one = &piece[pieces];
    *one = (struct piece){.owner = domain,
                          .reader = request->domid,
                          .first = next_ref,
                          .count = request->count,
                          .memory = memfd_create("granted", MFD_CLOEXEC)};
    if (one->memory < 0 || ftruncate(one->memory, (off_t)one->count * GRANT_PAGE) < 0)
        abort();
    for (uint32_t i = 0; i < one->count; i++)
        request->gref_ids[i] = next_ref++;
    next_ref++; /* the next are not in a row with these */
    request->index = INDEX(pieces);
    return 0;
}

static int dealloc(uint32_t domain, const struct ioctl_gntalloc_dealloc_gref *request)
{
    struct piece *one = &piece[request->index >> 24];

    if (one->owner != domain || one->count != request->count || one->given_back)
        return -EINVAL;
    one->given_back = true;
    piece_free_if_unused(one);
    return 0;
}

static int name(uint32_t domain, struct ioctl_gntdev_map_grant_ref *request)
{
    if (++names == PIECES)
        abort();
    named[names].domain = request->refs[0].domid;
    named[names].first = request->refs[0].ref;
    named[names].count = request->count;
    named[names].reader = domain;
    named[names].in_a_row = true;
    for (uint32_t i = 1; i < request->count; i++)
        named[names].in_a_row &= request->refs[i].ref == request->refs[0].ref + i;
    request->index = INDEX(names);
    return 0;
}

static int port_new(int fd, uint32_t remote, uint32_t other)
{
    for (int i = 1; i < PORTS; i++) {
        if (port[i].fd)
            continue;
        memset(&port[i], 0, sizeof(port[i]));
        port[i].fd = fd;
        port[i].owner = file[fd].domain;
        port[i].remote = remote;
        port[i].other = other;
        return i;
    }
    abort();
}

static int bind_interdomain(int fd, const struct ioctl_evtchn_bind_interdomain *request)
{
    uint32_t other = request->remote_port;
    int made;

    if (other == 0 || other >= PORTS || !port[other].fd || port[other].other ||
        port[other].owner != request->remote_domain || port[other].remote != file[fd].domain)
        return -EINVAL;
    made = port_new(fd, request->remote_domain, other);
    port[other].other = (uint32_t)made;
    return made;
}

static int unbind(int fd, uint32_t number)
{
    if (number >= PORTS || port[number].fd != fd)
        return -ENOTCONN;
    if (port[number].other)
        port[port[number].other].other = 0;
    port[number].fd = 0;
    return 0;
}

static void wake(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) < 0)
        abort();
}

static int notify(int fd, uint32_t number)
{
    uint32_t other;

    if (number >= PORTS || port[number].fd != fd)
        return -ENOTCONN;
    events++;
    other = port[number].other;
    if (other && !port[other].pending) {
        port[other].pending = true;
        if (!port[other].quiet)
            wake(port[other].fd);
    }
    return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
    calls++;
    switch (request) {
    case IOCTL_GNTALLOC_ALLOC_GREF:
        return file[fd].kind == GNTALLOC ? alloc(file[fd].domain, argument) : -ENOTTY;
    case IOCTL_GNTALLOC_DEALLOC_GREF:
        return dealloc(file[fd].domain, argument);
    case IOCTL_GNTDEV_MAP_GRANT_REF:
        return file[fd].kind == GNTDEV ? name(file[fd].domain, argument) : -ENOTTY;
    case IOCTL_GNTDEV_UNMAP_GRANT_REF:
        return 0;
    case IOCTL_EVTCHN_BIND_UNBOUND_PORT:
        return port_new(fd, ((struct ioctl_evtchn_bind_unbound_port *)argument)->remote_domain, 0);
    case IOCTL_EVTCHN_BIND_INTERDOMAIN:
        return bind_interdomain(fd, argument);
    case IOCTL_EVTCHN_UNBIND:
        return unbind(fd, ((struct ioctl_evtchn_unbind *)argument)->port);
    case IOCTL_EVTCHN_NOTIFY:
        return notify(fd, ((struct ioctl_evtchn_notify *)argument)->port);
    default:
        return -ENOTTY;
    }
}

/* As gntdev does: whether Xen lets us is known now. */
static struct piece *find_named(int fd, uint64_t index)
{
    unsigned i = (unsigned)(index >> 24);

    if (i == 0 || i > names || named[i].reader != file[fd].domain || !named[i].in_a_row)
        return NULL;
    for (unsigned p = 1; p <= pieces; p++)
        if (piece[p].memory >= 0 && !piece[p].given_back && piece[p].owner == named[i].domain &&
            piece[p].reader == named[i].reader && piece[p].first == named[i].first &&
            piece[p].count >= named[i].count)
            return &piece[p];
    return NULL;
}

static void *fake_map(int fd, size_t size, uint64_t index)
{
    bool reader = file[fd].kind == GNTDEV;
    struct piece *one = reader ? find_named(fd, index) : &piece[index >> 24];
    struct mapping *free_one = mapping;
    void *base;

    calls++;
    if (!one || size > (size_t)one->count * GRANT_PAGE) {
        errno = EINVAL;
        return NULL;
    }
    base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, one->memory, 0);
    if (base == MAP_FAILED)
        return NULL;
    while (free_one->base)
        free_one++;
    *free_one = (struct mapping){.base = base, .piece = one, .reader = reader};
    one->mapped += reader;
    return base;
}

static void fake_unmap(void *base, size_t size)
{
    struct mapping *one = mapping;

    calls++;
    while (one->base != base)
        one++;
    munmap(base, size);
    if (one->reader)
        one->piece->mapped--;
    piece_free_if_unused(one->piece);
    one->base = NULL;
}

static ssize_t fake_read(int fd, void *bytes, size_t size)
{
    size_t done = 0;
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
    for (uint32_t i = 1; i < PORTS && size - done >= sizeof(i); i++) {
        if (port[i].fd != fd || !port[i].pending || port[i].quiet)
            continue;
        port[i].pending = false;
        port[i].quiet = true;
        memcpy((char *)bytes + done, &i, sizeof(i));
        done += sizeof(i);
    }
    if (done)
        return (ssize_t)done;
    errno = EAGAIN;
    return -1;
}

static ssize_t fake_write(int fd, const void *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(uint32_t)) {
        uint32_t number;

        memcpy(&number, (const char *)bytes + at, sizeof(number));
        port[number].quiet = false;
        if (port[number].pending)
            wake(fd);
    }
    return (ssize_t)size;
}

static void fake_close(int fd)
{
    for (uint32_t i = 1; i < PORTS; i++)
        if (port[i].fd == fd)
            unbind(fd, i);
    file[fd].kind = CLOSED;
    close(fd);
}

const struct grant_system fake_grants = {
    .open = fake_open,
    .ioctl = fake_ioctl,
    .map = fake_map,
    .unmap = fake_unmap,
    .read = fake_read,
    .write = fake_write,
    .close = fake_close,
};
