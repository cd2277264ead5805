/* SPDX-License-Identifier: BSD-2-Clause */
/* ethq.h: an Ethernet queue pair on a Xen network interface.
 *
 * One `struct ethq` is a page-aligned piece of memory that holds everything about the queue pair:
 * what the kernel says about the interface, the driver's own state, the two ring pages (io/netif.h)
 * and the frame buffers. The guest kernel owns it and runs the xenbus handshake on it (netfront.h);
 * the process that opens /dev/ethq0 and maps sizeof(struct ethq) bytes at offset 0 sends and
 * receives on it with the functions below, without entering the kernel. They use no pointers kept
 * in the structure, so both may map it where they like, and nothing outside it, so they build for a
 * program, for the kernel and for a test alike.
 *
 * One frame is one slot in one buffer, both ways. Frames may be lost (while the interface is down,
 * when it is closed, when the backend has no room): links add the promises.
 *
 * The backend writes the ring pages and the receive buffers whenever it likes. Every index and
 * every response is read once, checked and then used; one that no backend could send marks the
 * queue broken (see ethq_broken): it then neither sends nor receives until the next connection.
 * What lies in a receive buffer may change while it is being read: copy a field, then check the
 * copy.
 *
 * One thread uses a queue at a time; the kernel touches it only in system calls of that thread.
 */
#ifndef CARAVAN_ETHQ_H
#define CARAVAN_ETHQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#define ETHQ_PAGE       4096
#define ETHQ_SLOTS      256 /* what fits a ring page, both ways (io/ring.h) */
#define ETHQ_TX_BUFFERS 128 /* frames on their way out at a time */
#define ETHQ_RX_BUFFERS ETHQ_SLOTS
#define ETHQ_FRAME_MIN  14          /* an Ethernet header; netback drops less */
#define ETHQ_MAGIC      0x30515445u /* "ETQ0" */

/* What the kernel says about the interface. Read it at any time; it changes only in a system
 * call. */
struct ethq_link {
    uint32_t magic;
    uint32_t generation; /* connections so far; a change means that frames were lost */
    uint32_t up;         /* 1 while connected to a backend */
    uint32_t port;       /* local event channel: the doorbell, and what to sleep on */
    uint32_t mtu;        /* largest payload behind the Ethernet header */
    uint8_t mac[6];
};

/* Everything that ever happened, over all connections. */
struct ethq_counters {
    uint64_t tx_frames, tx_bytes; /* committed */
    uint64_t tx_full;             /* times that tx_reserve found no free buffer */
    uint64_t tx_errors;           /* frames the backend answered with an error */
    uint64_t tx_null;             /* answers that name no frame */
    uint64_t tx_lost; /* unanswered when the connection closed: may have been sent or not */
    uint64_t rx_frames, rx_bytes; /* handed out */
    uint64_t rx_errors;           /* slots dropped: the backend reported an error */
    uint64_t rx_bounds;           /* slots dropped: shorter than a header or past the page */
    uint64_t rx_chained;          /* slots dropped: part of a frame of several slots */
    uint64_t rx_lost;             /* slots unread when the connection closed */
    uint64_t doorbells;           /* times that ethq_flush asked for one */
    uint64_t breaks;              /* times that the backend broke the protocol */
};

/* Why a queue is broken. */
enum ethq_fault {
    ETHQ_SOUND,
    ETHQ_TX_PRODUCER, /* the backend's index is ahead of the requests, or went back */
    ETHQ_TX_ID,       /* an answer for a buffer that does not exist */
    ETHQ_TX_IDLE,     /* an answer for a buffer that is not on its way */
    ETHQ_TX_MUTE,     /* all requests answered, yet frames left unanswered */
    ETHQ_RX_PRODUCER, /* as ETHQ_TX_PRODUCER */
    ETHQ_RX_ID,       /* an answer in another slot than its request */
    ETHQ_RX_EXTRA,    /* an extra descriptor of a type that does not exist */
    ETHQ_RX_CHAIN,    /* a frame of more slots than any frame has */
};

struct ethq_broken {
    uint32_t fault;    /* enum ethq_fault */
    uint32_t value;    /* what the backend wrote */
    uint32_t limit;    /* what it was held against */
    uint32_t reported; /* ethq_report has told */
};

struct ethq_tx {
    uint32_t prod;      /* requests written */
    uint32_t published; /* requests shown to the backend */
    uint32_t cons;      /* answers taken */
    uint32_t idle;      /* buffers in `stack` */
    uint32_t reserved;  /* the top of `stack` is in the caller's hands */
    uint8_t stack[ETHQ_TX_BUFFERS];
    uint8_t busy[ETHQ_TX_BUFFERS]; /* 1 from commit to answer */
    grant_ref_t grant[ETHQ_TX_BUFFERS];
};

struct ethq_rx {
    uint32_t prod;      /* buffers offered */
    uint32_t published; /* buffers shown to the backend */
    uint32_t cons;      /* answers taken */
    uint32_t seen;      /* the backend's index when last read */
    uint32_t held;      /* the frame at `cons` is in the caller's hands: */
    uint32_t offset, length;
    uint32_t chain;    /* slots of the frame being dropped so far, 0 when none is */
    uint32_t more;     /* that frame has another data slot */
    uint32_t extra;    /* the next slot is an extra descriptor */
    uint32_t doorbell; /* the backend waits for the buffers last published */
    grant_ref_t grant[ETHQ_RX_BUFFERS];
};

/* The ring pages as io/ring.h lays them out, with the number of slots spelled out. */
struct ethq_ring_index {
    uint32_t req_prod, req_event, rsp_prod, rsp_event;
    uint8_t pad[48];
};

struct ethq_tx_ring {
    struct ethq_ring_index index;
    union netif_tx_sring_entry slot[ETHQ_SLOTS];
};

struct ethq_rx_ring {
    struct ethq_ring_index index;
    union netif_rx_sring_entry slot[ETHQ_SLOTS];
};

struct ethq {
    union {
        struct {
            struct ethq_link link;
            struct ethq_broken broken;
            struct ethq_counters count;
            struct ethq_tx tx;
            struct ethq_rx rx;
        };
        uint8_t head_page[ETHQ_PAGE]; /* never granted */
    };
    union {
        struct ethq_tx_ring tx_ring;
        uint8_t tx_ring_page[ETHQ_PAGE];
    };
    union {
        struct ethq_rx_ring rx_ring;
        uint8_t rx_ring_page[ETHQ_PAGE];
    };
    uint8_t tx_buffer[ETHQ_TX_BUFFERS][ETHQ_PAGE]; /* the backend may read */
    uint8_t rx_buffer[ETHQ_RX_BUFFERS][ETHQ_PAGE]; /* the backend may read and write */
};

_Static_assert(sizeof(struct ethq) == (3 + ETHQ_TX_BUFFERS + ETHQ_RX_BUFFERS) * ETHQ_PAGE,
               "the state fits one page and the rings one each");
_Static_assert(offsetof(struct ethq_tx_ring, slot) == offsetof(struct netif_tx_sring, ring) &&
                   offsetof(struct ethq_rx_ring, slot) == offsetof(struct netif_rx_sring, ring),
               "io/ring.h's layout");

/* Space for one outgoing frame, link.mtu + 14 bytes, or NULL while all buffers are on their way or
 * the link is down. The caller writes the frame there, then commits it; uncommitted space is
 * reused. */
void *ethq_tx_reserve(struct ethq *q);

/* Queue the frame in the space last reserved. The backend sees it at the next ethq_flush. 0;
 * -EINVAL for a length that no frame has, and the space stays reserved; -ENETDOWN if the connection
 * was lost after the reservation, and the frame with it. */
int ethq_tx_commit(struct ethq *q, size_t length);

/* Show the backend what was committed and released since the last flush. True: it sleeps, ring
 * link.port. One doorbell serves any number of frames, so flush after a burst; flush too when a
 * burst has been received, since a backend that ran out of buffers waits for the doorbell. */
bool ethq_flush(struct ethq *q);

/* The next frame received, of *length bytes, at least 14 and at most a page, or NULL. It stays
 * valid until ethq_rx_release, or until link.generation changes. Looks at a bounded number of
 * slots: NULL does not prove that nothing is left (ethq_arm does). */
const void *ethq_rx_next(struct ethq *q, size_t *length);

/* Give the frame last received back to the backend. */
void ethq_rx_release(struct ethq *q);

/* After a flush and before sleeping on link.port: ask the backend to signal the next frame, and the
 * next free transmit buffer if all are on their way. True: there is work already, do not sleep. */
bool ethq_arm(struct ethq *q);

/* Is the queue out of use until the next connection, because the backend broke the protocol? */
static inline bool ethq_broken(const struct ethq *q)
{
    return q->broken.fault != ETHQ_SOUND;
}

/* What broke, in words, once for each time it broke; NULL when there is nothing new to tell. The
 * two numbers go with it: what the backend wrote and what it was held against. */
const char *ethq_report(struct ethq *q, uint32_t *value, uint32_t *limit);

/* Frames committed and not yet answered by the backend; 0 without a connection. */
unsigned ethq_tx_pending(struct ethq *q);

/* ioctl on /dev/ethq0, the one system call of a rank that talks: ring the doorbells of the `ring`
 * ports, then sleep until one of the `wait` ports is signalled, the interface changes, or the
 * deadline has passed. The ports are local event channels, of this queue or of any other device.
 * Returns 1 when something happened and 0 at the deadline. A signal that came before the call
 * counts. EIO: the interface cannot be used any more; the kernel's log says why. */
struct ethq_wait {
    uint64_t deadline; /* CLOCK_MONOTONIC in ns; 0: ring only; UINT64_MAX: however long it takes */
    uint64_t ring, wait;   /* addresses of arrays of uint32_t */
    uint32_t rings, waits; /* their lengths, at most ETHQ_WAIT_PORTS each */
};
#define ETHQ_WAIT_PORTS 64
#define ETHQ_WAIT       0x40204501u /* _IOW('E', 1, struct ethq_wait) */

/* For the kernel. Start life: everything zero, for the backend sees the pages (XSA-403). */
void ethq_init(struct ethq *q);

/* For the kernel, before a backend maps the rings: empty rings, all receive buffers offered, the
 * grants of the buffers in tx.grant and rx.grant. */
void ethq_reset(struct ethq *q);

/* For the kernel, when the connection opens (after ethq_reset) and when it closes. Frames on their
 * way are counted as lost. */
void ethq_link_up(struct ethq *q, uint32_t port);
void ethq_link_down(struct ethq *q);

#endif
