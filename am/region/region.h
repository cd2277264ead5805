/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/region/region.h: memory that two co-resident processes share, and the bell that wakes the one who sleeps.
 *
 * A region is made by one process and attached by another from a descriptor. Its size never changes after it was
 * made, so that a peer which shrinks it cannot fault us.
 */
#ifndef CARAVAN_REGION_H
#define CARAVAN_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    void *base;
    size_t size; /* bytes, whole pages */
    int fd;      /* -1 once it was handed over, and for an attached region */
};

/* `size` bytes of zeroes, all of them allocated now: memory that is short is -ENOMEM here, not SIGBUS later. */
int region_create(struct region *region, size_t size);

/* The same that nobody else can have: `fd` is -1. */
int region_create_private(struct region *region, size_t size);

/* Attach what a peer made; `fd` is closed in any case. -EPROTO: not of this size, or it could still shrink. */
int region_attach(struct region *region, int fd, size_t size);

void region_close(struct region *region);

/* A process's bell: peers ring it when they have published something and it sleeps.
 *
 * Going to sleep and publishing are a Dekker pair. The sleeper stores `asleep`, then looks at the rings once more; a
 * sender publishes, then loads `asleep`. Each needs its store visible before its load. The sleeper pays for both with
 * membarrier(2), which runs a barrier on every processor that runs a registered sender; where it cannot, `fence` says
 * so and each sender puts a full barrier of its own. */
struct bell_page {
    uint32_t asleep; /* of enum bell_state */
    uint32_t fence;  /* 1: the owner cannot call membarrier */
    /* Where the owner was when it last waited: 1 + the processor's number, or 0. Written when it changes only, for a sender reads
     * this line at every message. */
    uint32_t processor;
    /* Where it had better go: 1 + the number of a processor with fewer ranks, from a peer that has counted them; or 0. */
    uint32_t invited;
};

enum bell_state {
    BELL_AWAKE,
    BELL_ASLEEP, /* or about to be */
    BELL_RUNG,   /* and has not run since */
};

struct grants;

struct bell {
    struct bell_page *page;
    int event;       /* an eventfd; -1: bell_none's, or another domain's */
    bool fence;      /* a barrier before looking at `asleep` */
    bool registered; /* the owner's: membarrier works here */
    struct region region;
    struct grants *grants; /* another domain's: its event channel */
    uint32_t port;
};

/* The own bell of this process. 0, -ENOMEM, -EMFILE. */
int bell_create(struct bell *bell);
/* That of a process whose memory no other shares, so that nobody rings it: it has no descriptors. */
void bell_none(struct bell *bell);
/* A peer's, from what its agent sent. Both descriptors are taken over, or closed on failure. */
int bell_attach(struct bell *bell, int memory, int event);
void bell_close(struct bell *bell);

/* The owner: declare oneself asleep (then look once more, then poll `event`); and awake again. */
void bell_sleep(struct bell *bell);
void bell_wake(struct bell *bell);

/* The owner: say where one waits. Returns the processor, or -1: unknown. */
int bell_tell_processor(struct bell *bell);
/* Where a peer has invited us to since the last call, or -1. */
int bell_invited(struct bell *bell);

/* Ring out of line: `asleep` was seen. */
void bell_ring_slow(struct bell *bell);

/* A sender has published something. */
static inline void bell_ring(struct bell *bell)
{
    if (__builtin_expect(bell->fence, 0))
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    else
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(__atomic_load_n(&bell->page->asleep, __ATOMIC_RELAXED) != BELL_AWAKE, 0))
        bell_ring_slow(bell);
}

#endif
