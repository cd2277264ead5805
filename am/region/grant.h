/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/region/grant.h: memory that one Xen domain grants to another, and the event channel that wakes the one who sleeps.
 *
 * All of it goes through Linux's devices /dev/xen/gntalloc, gntdev and evtchn, which the guest kernel has as well. A page is granted
 * to one domain, once, and mapped once: nothing here is called for a message but grants_wake, for a peer that sleeps.
 */
#ifndef CARAVAN_GRANT_H
#define CARAVAN_GRANT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How the devices are reached; a test plays the kernel. As open(2), ioctl(2), mmap(2) of a shared writable range, ... do, with
 * a negative errno for an error. */
struct grant_system {
    int (*open)(const char *path);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    void *(*map)(int fd, size_t size, uint64_t offset); /* NULL: errno tells */
    void (*unmap)(void *base, size_t size);
    ssize_t (*read)(int fd, void *bytes, size_t size);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    void (*close)(int fd);
};

extern const struct grant_system grant_system_linux;

enum {
    GRANT_PAGE = 4096,
    GRANT_MAX_PAGES = 1024, /* of one piece */
};

struct grants;

/* Pages in one piece: ours, or a peer's. */
struct granted {
    void *base; /* NULL: none */
    uint32_t pages;
    uint64_t index; /* the device's name for it */
};

/* Open the devices. 0; -ENOENT, -ENXIO, -EACCES, ...: there are none for us. */
int grants_open(struct grants **grants, const struct grant_system *system);
void grants_close(struct grants *grants);

/* How many pages a process may grant, as far as it can be known beforehand; UINT32_MAX: no limit is known. */
uint32_t grants_limit(void);
/* How many it grants now. */
uint32_t grants_used(const struct grants *grants);
/* And how often it has woken somebody. */
uint64_t grants_woken(const struct grants *grants);

/* `pages` pages of zeroes, granted to `domain` and to no other; their references are put into `refs`. 0, -ENOSPC: there are no more
 * grants; -ENOMEM, ... */
int granted_create(struct grants *grants, uint32_t domain, uint32_t pages, struct granted *granted,
                   uint32_t *refs);
/* Map what `domain` has granted to us under these references. 0; -EINVAL, ...: Xen refuses. */
int granted_attach(struct grants *grants, uint32_t domain, const uint32_t *refs, uint32_t pages,
                   struct granted *granted);
/* The kernel keeps pages of ours that the peer still maps, and never uses them for something else before it has let go. */
void granted_release(struct grants *grants, struct granted *granted);
void granted_detach(struct grants *grants, struct granted *granted);

/* An event channel through which we wake `domain`, which has to bind it. The port, which is not 0, or a negative errno. */
int grants_wake_make(struct grants *grants, uint32_t domain);
void grants_wake(struct grants *grants, uint32_t port);
void grants_wake_close(struct grants *grants, uint32_t port);

/* The other end: bind the one that `domain` has made for us. A port of our own. */
int grants_ring_bind(struct grants *grants, uint32_t domain, uint32_t port);
void grants_ring_close(struct grants *grants, uint32_t port);
/* What to sleep on: readable once somebody has woken us. Then take what made it so. */
int grants_descriptor(const struct grants *grants);
void grants_clear(struct grants *grants);

/* References as text: decimal numbers with commas, `first+count` for several in a row. The length, or -EMSGSIZE; how many there are,
 * or -EPROTO: none, more than `most`, or something else. */
int grant_refs_write(char *text, size_t size, const uint32_t *refs, uint32_t count);
int grant_refs_read(const char *text, uint32_t *refs, uint32_t most);

#endif
