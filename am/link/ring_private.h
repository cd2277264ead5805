/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/ring_private.h: the state of the ring transport, shared by the ring*.c files and nobody else.
 *
 *   ring.c          rings between the processes of a node, and what all rings have in common
 *   ring_granted.c  how a pair of domains comes to have a ring, and leaves frames for it
 *   ring_segment.c  memory of one process that all others of the node map
 */
#ifndef CARAVAN_RING_PRIVATE_H
#define CARAVAN_RING_PRIVATE_H

#include "am/core.h"
#include "am/link/ring_format.h"
#include "am/region/grant.h"

enum {
    LOOK_FIRST = 1000000, /* ns */

    /* Bytes in a piece of a long message. The lines of its word and of the next one go to and fro between the two processors, which costs
     * as much as some KiB: in pieces of 4, 8 and 16 KiB, 64 KiB take 3.0, 2.0 and 1.7 us, and 1 MiB 37, 26 and 22. */
    RING_CHUNK = 16384,
};

/* The two rings of a peer. */
struct ring_link {
    struct am_link link;

    /* Towards the peer. `head` and `tail` count lines from the beginning, modulo 2^32. */
    struct ring_memory *out;
    uint32_t head;
    uint32_t tail;    /* as last read from the consumer */
    uint32_t cleared; /* a line from `head` to before this one begins no message */
    uint32_t last;    /* lines of the last message */
    uint32_t lines;   /* of `out` */
    struct bell bell; /* the peer's; bell.page NULL until the agent has sent it */

    /* From the peer. */
    struct ring_memory *in;
    uint32_t taken;
    uint32_t published;
    uint32_t in_lines;

    struct region out_region;
    struct region in_region;
    uint32_t pid; /* that the probe found good; 0: not probed, UINT32_MAX: cannot read it */
    bool belled;  /* the peer holds our bell, or needs none */
    /* Into the peer's memory: not if it turns out to be ours. */
    enum { WRITES_UNKNOWN, WRITES, WRITES_NOT } writes;

    bool segment_tried;       /* to map the peer's */
    struct region segment;    /* the peer's; base NULL: not mapped */
    uint64_t segment_address; /* where the peer has it */

    struct ring_granted *granted; /* NULL: the peer is on our node */
};

/* What a pair of domains has besides. Each of the two rings is made, and begins to be used, for itself. */
struct ring_granted {
    struct am_link link;    /* the pair's while it changes from frames to the ring; first */
    struct am_link *before; /* frames; NULL: nothing was sent yet */
    struct granted out, in;
    uint32_t out_port, in_port; /* event channels; 0: none */
    enum {
        OUT_NONE,
        OUT_ASKED,   /* which domain it is */
        OUT_OFFERED, /* our pages */
        OUT_CHANGES, /* what was given to the frames has to get its place in their sequence */
        OUT_USED,
        OUT_NEVER, /* it stays with frames: `why` */
    } state;
    bool fresh; /* `in` waits for the frames that come before its first message */
    bool dead;  /* the peer is down, and its memory still here */
    int why;    /* negative errno */
};

struct ring_transport {
    struct am_transport transport;
    struct ring_link **active; /* links with an incoming ring */
    uint32_t actives;
    uint32_t capacity;
    uint32_t chores;        /* of granted_chores */
    struct ring_link *sent; /* on it went the last message; NULL: nothing to clear for the next */
    struct ring_link **by_peer;
    uint64_t nonce; /* that peers find in our memory when they can read it */
    uint64_t look;  /* ns: a sleeper's next look at rings whose producers cannot wake it yet */
    bool asleep;    /* told producers to ring */
    uint64_t received, full, copied;

    struct region segment; /* ours; base NULL: none yet */
    bool segment_lacks;    /* there was no memory for it */
    bool segment_taken;
    uint64_t segment_reads; /* of those of peers */

    struct grants *grants; /* NULL: none yet, or grants_error */
    int grants_error;
    bool shortage_told;
    uint32_t granted_lines;       /* of a ring of ours */
    uint32_t ports;               /* of incoming rings */
    struct ring_link **neighbour; /* links with ring_granted */
    uint32_t neighbours;
    uint64_t granted; /* rings that are in use towards other domains */
};

static inline struct ring_transport *ring_transport(const struct am_transport *transport)
{
    return (struct ring_transport *)transport;
}

/* ---- ring.c ---- */
struct ring_link *ring_link(struct ring_transport *rings, uint32_t peer);
int ring_activate(struct ring_transport *rings, struct ring_link *ring);
int ring_send(struct am_link *link, const struct am_outgoing *message);
uint64_t ring_moved(const struct am_link *link);

/* ---- ring_segment.c ---- */
/* Tell the peer of our segment, if there is one, in the ring on which we send to it. */
void segment_tell(const struct ring_transport *rings, struct ring_memory *out);
/* Where we see the `length` bytes that the peer has at `address`; NULL: not in its segment, or that cannot be mapped. */
const void *segment_find(struct ring_link *ring, uint64_t address, size_t length);

/* ---- ring_granted.c ---- */
/* Returns how many pairs have room now, which they had none while they changed. */
int granted_chores(struct ring_transport *rings);
/* About to sleep: have producers of other domains ring; awake again. */
void granted_sleep(struct ring_transport *rings);
void granted_wake(struct ring_transport *rings);
/* A message waits in a ring that no poll has begun to read, and could now. */
bool granted_waits(struct ring_transport *rings);
void granted_peer_down(struct ring_transport *rings, struct ring_link *ring);
void granted_close_link(struct ring_transport *rings, struct ring_link *ring);

#endif
