/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Granted memory through Linux's devices: see grant.h.
 *
 * Whoever unmaps a page that it granted leaves it to the kernel: one that the peer still maps stays out of use until the peer has let
 * go (Linux: drivers/xen/gntalloc.c; guest/dev/gntalloc.c).
 */
#include "am/region/grant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux's headers of these devices leave out what only Xen's own define. */
typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#define LIMIT "/sys/module/xen_gntalloc/parameters/limit"

enum { CLEAR_MAX = 64 }; /* ports taken by one read */

struct grants {
    const struct grant_system *system;
    int gntalloc, gntdev;
    int rings;     /* event channels through which peers wake us, */
    int wakes;     /* and those through which we wake them, on which nobody sleeps */
    uint32_t used; /* pages that are granted */
    uint64_t woken;
};

/* ---- the kernel ------------------------------------------------------------------------------------ */

static int linux_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

static int linux_ioctl(int fd, unsigned long request, void *argument)
{
    int result = ioctl(fd, request, argument);

    return result < 0 ? -errno : result;
}

static void *linux_map(int fd, size_t size, uint64_t offset)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    return base == MAP_FAILED ? NULL : base;
}

static void linux_unmap(void *base, size_t size)
{
    munmap(base, size);
}

static void linux_close(int fd)
{
    close(fd);
}

const struct grant_system grant_system_linux = {
    .open = linux_open,
    .ioctl = linux_ioctl,
    .map = linux_map,
    .unmap = linux_unmap,
    .read = read,
    .write = write,
    .close = linux_close,
};

/* ---- opening --------------------------------------------------------------------------------------- */

int grants_open(struct grants **result, const struct grant_system *system)
{
    static const char *const paths[] = {"/dev/xen/gntalloc", "/dev/xen/gntdev", "/dev/xen/evtchn",
                                        "/dev/xen/evtchn"};
    enum { COUNT = sizeof(paths) / sizeof(*paths) };
    struct grants *grants = calloc(1, sizeof(*grants));
    int fds[COUNT];

    *result = NULL;
    if (!grants)
        return -ENOMEM;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = system->open(paths[i]);
        if (fds[i] < 0) {
            int error = fds[i];

            while (i-- > 0)
                system->close(fds[i]);
            free(grants);
            return error;
        }
    }
    *grants = (struct grants){
        .system = system, .gntalloc = fds[0], .gntdev = fds[1], .rings = fds[2], .wakes = fds[3]};
    *result = grants;
    return 0;
}

void grants_close(struct grants *grants)
{
    if (!grants)
        return;
    grants->system->close(grants->wakes);
    grants->system->close(grants->rings);
    grants->system->close(grants->gntdev);
    grants->system->close(grants->gntalloc);
    free(grants);
}

uint32_t grants_limit(void)
{
    char text[32] = "";
    int fd = open(LIMIT, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    long limit = length > 0 ? strtol(text, NULL, 10) : -1;

    if (fd >= 0)
        close(fd);
    return limit > 0 && limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

uint32_t grants_used(const struct grants *grants)
{
    return grants->used;
}

uint64_t grants_woken(const struct grants *grants)
{
    return grants->woken;
}

/* ---- pages ------------------------------------------------------------------------------------------ */

static void dealloc(struct grants *grants, const struct granted *granted)
{
    struct ioctl_gntalloc_dealloc_gref request = {.index = granted->index, .count = granted->pages};

    grants->system->ioctl(grants->gntalloc, IOCTL_GNTALLOC_DEALLOC_GREF, &request);
    grants->used -= granted->pages;
}

int granted_create(struct grants *grants, uint32_t domain, uint32_t pages, struct granted *granted,
                   uint32_t *refs)
{
    const struct grant_system *system = grants->system;
    struct ioctl_gntalloc_alloc_gref *request;
    int result;

    granted->base = NULL;
    if (pages == 0 || pages > GRANT_MAX_PAGES || domain > UINT16_MAX)
        return -EINVAL;
    request = calloc(1, sizeof(*request) + pages * sizeof(uint32_t));
    if (!request)
        return -ENOMEM;
    request->domid = (uint16_t)domain;
    request->flags = GNTALLOC_FLAG_WRITABLE;
    request->count = pages;
    result = system->ioctl(grants->gntalloc, IOCTL_GNTALLOC_ALLOC_GREF, request);
    if (result >= 0) {
        *granted = (struct granted){.pages = pages, .index = request->index};
        memcpy(refs, request->gref_ids, pages * sizeof(*refs));
        grants->used += pages;
        granted->base = system->map(grants->gntalloc, (size_t)pages * GRANT_PAGE, granted->index);
        result = granted->base ? 0 : -errno;
        if (!granted->base)
            dealloc(grants, granted);
    }
    free(request);
    return result;
}

void granted_release(struct grants *grants, struct granted *granted)
{
    if (!granted->base)
        return;
    grants->system->unmap(granted->base, (size_t)granted->pages * GRANT_PAGE);
    dealloc(grants, granted);
    granted->base = NULL;
}

static void forget(struct grants *grants, const struct granted *granted)
{
    struct ioctl_gntdev_unmap_grant_ref request = {.index = granted->index,
                                                   .count = granted->pages};

    grants->system->ioctl(grants->gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &request);
}

int granted_attach(struct grants *grants, uint32_t domain, const uint32_t *refs, uint32_t pages,
                   struct granted *granted)
{
    struct ioctl_gntdev_map_grant_ref *request;
    int result;

    granted->base = NULL;
    if (pages == 0 || pages > GRANT_MAX_PAGES || domain > UINT16_MAX)
        return -EINVAL;
    request = calloc(1, sizeof(*request) + pages * sizeof(struct ioctl_gntdev_grant_ref));
    if (!request)
        return -ENOMEM;
    request->count = pages;
    for (uint32_t i = 0; i < pages; i++)
        request->refs[i] = (struct ioctl_gntdev_grant_ref){.domid = domain, .ref = refs[i]};
    result = grants->system->ioctl(grants->gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, request);
    if (result >= 0) {
        *granted = (struct granted){.pages = pages, .index = request->index};
        granted->base = grants->system->map(grants->gntdev, (size_t)pages * GRANT_PAGE,
                                            granted->index);
        result = granted->base ? 0 : -errno;
        if (!granted->base)
            forget(grants, granted);
    }
    free(request);
    return result;
}

void granted_detach(struct grants *grants, struct granted *granted)
{
    if (!granted->base)
        return;
    grants->system->unmap(granted->base, (size_t)granted->pages * GRANT_PAGE);
    forget(grants, granted);
    granted->base = NULL;
}

/* ---- event channels ----------------------------------------------------------------------------------- */

static void unbind(struct grants *grants, int fd, uint32_t port)
{
    struct ioctl_evtchn_unbind request = {.port = port};

    if (port)
        grants->system->ioctl(fd, IOCTL_EVTCHN_UNBIND, &request);
}

int grants_wake_make(struct grants *grants, uint32_t domain)
{
    struct ioctl_evtchn_bind_unbound_port request = {.remote_domain = domain};

    return grants->system->ioctl(grants->wakes, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &request);
}

void grants_wake(struct grants *grants, uint32_t port)
{
    struct ioctl_evtchn_notify request = {.port = port};

    grants->woken++;
    grants->system->ioctl(grants->wakes, IOCTL_EVTCHN_NOTIFY, &request);
}

void grants_wake_close(struct grants *grants, uint32_t port)
{
    unbind(grants, grants->wakes, port);
}

int grants_ring_bind(struct grants *grants, uint32_t domain, uint32_t port)
{
    struct ioctl_evtchn_bind_interdomain request = {.remote_domain = domain, .remote_port = port};

    return grants->system->ioctl(grants->rings, IOCTL_EVTCHN_BIND_INTERDOMAIN, &request);
}

void grants_ring_close(struct grants *grants, uint32_t port)
{
    unbind(grants, grants->rings, port);
}

int grants_descriptor(const struct grants *grants)
{
    return grants->rings;
}

void grants_clear(struct grants *grants)
{
    uint32_t ports[CLEAR_MAX];
    ssize_t length = grants->system->read(grants->rings, ports, sizeof(ports));

    /* A port that was read stays quiet until it is written. */
    if (length > 0)
        (void)!grants->system->write(grants->rings, ports, (size_t)length);
}

/* ---- references as text -------------------------------------------------------------------------------- */

int grant_refs_write(char *text, size_t size, const uint32_t *refs, uint32_t count)
{
    size_t length = 0;

    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && refs[end] == refs[end - 1] + 1;)
            end++;
        length += (size_t)snprintf(text + length, size - length, "%s%u", first ? "," : "",
                                   refs[first]);
        if (length < size && end - first > 1)
            length += (size_t)snprintf(text + length, size - length, "+%u", end - first);
        if (length >= size)
            return -EMSGSIZE;
    }
    return (int)length;
}

/* A number without sign or space. */
static bool read_number(const char **text, uint32_t *number)
{
    uint64_t value = 0;
    const char *at = *text;

    while (*at >= '0' && *at <= '9' && value <= UINT32_MAX)
        value = value * 10 + (uint64_t)(*at++ - '0');
    if (at == *text || value > UINT32_MAX)
        return false;
    *text = at;
    *number = (uint32_t)value;
    return true;
}

int grant_refs_read(const char *text, uint32_t *refs, uint32_t most)
{
    uint32_t count = 0;

    do {
        uint32_t first, length = 1;

        if (count > 0)
            text++; /* the comma */
        if (!read_number(&text, &first))
            return -EPROTO;
        if (*text == '+') {
            text++;
            if (!read_number(&text, &length))
                return -EPROTO;
        }
        if (length == 0 || length > most - count || first > UINT32_MAX - length)
            return -EPROTO;
        for (uint32_t i = 0; i < length; i++)
            refs[count++] = first + i;
    } while (*text == ',');
    return *text ? -EPROTO : (int)count;
}
