/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/link.h: one way to reach one peer, and the transport that owns such ways.
 *
 * A link delivers messages of at most AM_MAX_MEDIUM payload bytes exactly once and in order, or reports
 * its peer down (am_report_down). Long messages are am/transfer.c's; a link may offer it a faster way.
 * Operations are chosen once per peer and called through the table; none of them blocks.
 */
#ifndef CARAVAN_LINK_H
#define CARAVAN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "am/am.h"

enum {
    AM_MAX_MEDIUM = 8192, /* payload bytes of a message */
    AM_REPLIES =
        16, /* replies owed to one process by another, at most; each at most AM_MAX_REPLY */
    AM_HANDLER_BITS = 8, /* an index on a link: the user's below AM_HANDLERS, the core's above */
};

/* What a message says beside its payload; the same four bytes on every link. */
struct am_header {
    uint16_t length; /* payload bytes */
    uint8_t handler;
    uint8_t flags; /* of enum am_header_flags, and the number of arguments in the low 3 bits */
};

enum am_header_flags {
    AM_NARGS = 7,
    AM_WANTS_REPLY = 1 << 3,
    AM_IS_REPLY = 1 << 4, /* may use the room that was reserved for it */
};

/* A message on its way out. Gathered: the payload is `head`, then `body`; or, on a link without `bulk` where `pack` is set,
 * what that packs of `data` from `offset` on. */
struct am_outgoing {
    const uint64_t *args;
    const void *head;
    size_t head_length;
    const void *body;
    size_t body_length;
    am_pack *pack;
    void *data;
    size_t offset;
    /* Length = head_length + body_length. It comes last, for the compiler clears fields that nobody sets by wide stores from behind
     * it on. In front of the others, one of them would lie in two such stores, and its load wait until both, and all before
     * them, are in the cache. */
    struct am_header header;
};

struct am_link {
    const struct am_link_ops *ops;
    struct am *am;
    uint32_t peer;
};

struct am_link_ops {
    const char *name;

    /* 0, -EAGAIN or -EHOSTDOWN. The message has been copied when this returns 0. */
    int (*send)(struct am_link *link, const struct am_outgoing *message);

    /* Copy from or to the peer's memory at once, without its help. -EOPNOTSUPP: this link cannot (the caller
     * then never asks again); -EFAULT. NULL: never. */
    int (*read)(struct am_link *link, uint64_t base, void *target, size_t length);
    int (*write)(struct am_link *link, uint64_t base, const void *source, size_t length);
    /* The same between several runs there and several here, in order and all of either. -EOPNOTSUPP: not these. NULL: never. */
    int (*copy_runs)(struct am_link *link, const struct iovec *there, unsigned theirs,
                     const struct iovec *here, unsigned ours, bool write);

    /* The peer's process is there, and may read and write our memory as we may its. NULL: never. */
    bool (*reaches_us)(struct am_link *link);

    /* Stream `length` bytes into the peer's transfer `transfer` from byte `offset` on (am_transfer_place there), in any
     * order, and call am_bulk_done(context) when all of it was acknowledged and `source` may be reused. 0 or -EAGAIN.
     * NULL: the core streams it in messages of `chunk` bytes, at least AM_MAX_MEDIUM. */
    int (*bulk)(struct am_link *link, uint32_t transfer, uint64_t offset, const void *source,
                size_t length, am_done *done, void *context);
    size_t chunk;

    /* Everything sent on this link has arrived at the peer's endpoint, or lies where it will find it without us. NULL:
     * always so. */
    bool (*drained)(struct am_link *link);

    /* A number that changes with every message or frame that this link sends or takes. */
    uint64_t (*moved)(const struct am_link *link);

    int (*describe)(struct am_link *link, char *text, size_t size);
};

/* All links of one kind of an endpoint. */
struct am_transport {
    const struct am_transport_ops *ops;
    struct am *am;
    uint64_t stirs; /* polls in which something moved, though it may have handed nothing up */
};

struct am_transport_ops {
    /* The link to `peer`, made at the first message. NULL: no memory. */
    struct am_link *(*connect)(struct am_transport *transport, uint32_t peer);

    /* Take what has arrived, with a bound, and do what is due. Returns how many messages were delivered. */
    int (*poll)(struct am_transport *transport);

    /* About to sleep: returns true when something is there to poll after all. Otherwise *fd is the descriptor to
     * sleep on (-1: none) and *deadline is lowered to when this transport must be polled next (a timeout, an ack). */
    bool (*sleep)(struct am_transport *transport, int *fd, uint64_t *deadline);
    /* Awake again. */
    void (*wake)(struct am_transport *transport);

    /* The launcher said that `process` is gone: fail what is under way to it. The core has told its own users. */
    void (*peer_down)(struct am_transport *transport, uint32_t process);

    /* Push out what was held back to be sent together (frames, acks). NULL: nothing ever is. */
    void (*flush)(struct am_transport *transport);

    void (*close)(struct am_transport *transport);

    /* Counter `index` of this transport; *name is NULL past the end. */
    uint64_t (*counter)(const struct am_transport *transport, unsigned index, const char **name);
};

/* ---- what a link calls in the core (am/am.c, am/transfer.c) ------------------------------------- */

/* Hand up a message; `payload` is 8-byte aligned and the link's until this returns. 0, or -EAGAIN: nobody has set its handler
 * yet; the link keeps it, and all that follows it from this peer, and tries again at the next poll.
 * -EPROTO: what the peer sent cannot be (an unknown internal handler, a reply that nobody waits for). */
int am_deliver(struct am *am, uint32_t peer, struct am_header header, const uint64_t *args,
               const void *payload);

/* Declare `process` down, once; `reason` as in am_peer_down. */
void am_report_down(struct am *am, uint32_t process, const char *reason);

/* Where byte `offset` of transfer `transfer` from `peer` goes, for `length` bytes; NULL: no such transfer, or out of
 * bounds. am_transfer_arrived says that so many bytes of it are in place (once for each byte). */
void *am_transfer_place(struct am *am, uint32_t peer, uint32_t transfer, uint64_t offset,
                        size_t length);
void am_transfer_arrived(struct am *am, uint32_t peer, uint32_t transfer, size_t length);

/* Nanoseconds of CLOCK_MONOTONIC, or of the endpoint's virtual clock in tests. */
uint64_t am_now(const struct am *am);

#endif
