/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/wire_private.h: the state of a wire, shared by the wire_*.c files and nobody else.
 *
 *   wire.c          the transport: open, poll, sleep, close
 *   wire_send.c     messages and bulk transfers into frames
 *   wire_receive.c  frames into messages and bulk transfers
 *   wire_loss.c     acknowledgements, round trips, what is lost, timeouts
 *   wire_credit.c   how many frames each peer may send
 *   wire_hello.c    meeting a peer, the size of frames, parting
 *   wire_silence.c  probes, and when a peer is down
 *   wire_helper.c   the helper thread
 */
#ifndef CARAVAN_WIRE_PRIVATE_H
#define CARAVAN_WIRE_PRIVATE_H

#include "am/link/frame.h"
#include "am/link/wire.h"
#include "am/port/port.h"

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define MICROSECOND 1000ull
#define MILLISECOND 1000000ull
#define SECOND      1000000000ull
#define NEVER       AM_FOREVER

enum {
    WIRE_SLOTS =
        256, /* frames that one peer may have under way: a power of two, more than a credit can say */
    WIRE_WINDOW = 255,
    WIRE_FIRST_WINDOW = 64, /* about what a port's ring and a switch's buffer take at once */
    WIRE_MIN_WINDOW = 2,
    WIRE_ACK_EVERY = 8,    /* frames */
    WIRE_LATER_ACKED = 3,  /* frames acknowledged after a hole, which make it a loss */
    WIRE_POLL_FRAMES = 64, /* at most, in one poll */
    WIRE_PIECE = 8,        /* frames handed to the port at once */
    WIRE_POLLS_PER_CLOCK = 8,
    WIRE_BATCH = 16,            /* frames, after which a poll looks at what they changed */
    WIRE_KEPT_FOR_MESSAGES = 2, /* of a window, that bulk frames leave free */
};

#define WIRE_ACK_DELAY     (50 * MICROSECOND)
#define WIRE_MIN_TIMEOUT   (1 * MILLISECOND)
#define WIRE_MAX_TIMEOUT   (1 * SECOND)
#define WIRE_HELLO_PAUSE   (500 * MILLISECOND) /* between two, at most */
#define WIRE_FIRST_TIMEOUT (20 * MILLISECOND)  /* before a round trip was measured */

/* Where sequences begin: every pair that exchanges 4,096 frames crosses the end of the low half. */
#define WIRE_FIRST_SEQUENCE 0xfffff000ull

/* A payload that must be kept: sent and not acknowledged, or received and not deliverable yet. */
struct wire_buffer {
    struct wire_buffer *next; /* while free; otherwise part of the bytes */
};

struct wire_chunk {
    struct wire_chunk *next;
};

struct wire_bulk {
    struct wire_bulk *next;
    const uint8_t *source;
    uint64_t offset; /* in the transfer, of source[0] */
    size_t length;
    size_t sent;
    size_t acked;
    am_done *done;
    void *context;
    uint32_t transfer;
    int status;
};

enum sent_state {
    SENT_FREE, /* acknowledged */
    SENT_UNDER_WAY,
    SENT_LOST, /* to be sent again */
};

/* A frame that was sent: its place is its sequence modulo WIRE_SLOTS. */
struct wire_sent {
    uint64_t at;    /* when it was sent last */
    uint64_t order; /* of all transmissions to this peer, the last one's number */
    uint32_t seq;
    uint32_t crc;
    uint16_t length;
    uint8_t kind;
    uint8_t state;
    uint8_t times;            /* sent; stops at 255 */
    struct wire_buffer *copy; /* DATA: the payload */
    struct wire_bulk *bulk;   /* BULK: the transfer, */
    size_t bulk_offset;       /* and the place in it */
};

enum received_state {
    RECEIVED_NOT,
    RECEIVED_STORED, /* in `copy` */
    RECEIVED_PLACED, /* nothing left to do */
};

struct wire_received {
    struct wire_buffer *copy;
    uint16_t length;
    uint8_t kind;
    uint8_t state;
};

/* A message that waits for room in the window: one request that is longer than the window has room for, and
 * the replies whose room was promised. */
struct wire_staged {
    struct wire_staged *next;
    struct am_header header;
    uint32_t length; /* arguments and payload */
    uint32_t sent;
    uint8_t bytes[];
};

struct wire_node {
    uint32_t node;
    bool waiting;   /* the agent has been asked and nothing has come from that node since */
    uint32_t nonce; /* of the last question */
    uint64_t asked_at;
    uint64_t silent; /* nanoseconds of unanswered questions */
};

struct wire_peer {
    struct am_link link; /* first */
    struct wire *wire;
    struct wire_node *node;

    /* ---- sending; hot ---- */
    uint8_t prefix[PORT_HEADER + 12]; /* Ethernet header, dst, src, job */
    bool open;                        /* both sides know each other */
    bool down;
    bool busy;     /* in wire->busy: something is under way, owed, or due */
    uint16_t room; /* payload bytes of a frame to it */
    uint64_t tx_next;
    uint64_t tx_una;   /* the oldest that is not acknowledged */
    uint64_t tx_limit; /* tx_next stays below it: of credit and window the lower */
    uint64_t tx_edge;  /* by credit */
    struct tag_key key;

    /* ---- receiving; hot ---- */
    uint64_t rx_next;    /* every frame before it has arrived */
    uint64_t rx_deliver; /* every frame before it was delivered */
    uint64_t rx_edge;    /* frames before it were granted */
    uint64_t rx_high;    /* the highest that arrived, + 1 */
    uint32_t owed;       /* frames not acknowledged yet */
    uint32_t ack_every;
    bool ack_now;
    bool touched; /* in wire->touched */
    bool check_loss;
    bool held;      /* the core did not take its next message yet */
    bool told_none; /* the last credit told was 0 */
    bool refused;   /* a message found no room: its sender waits for some */
    uint64_t owed_since;
    uint64_t due; /* look at the timers then */

    /* ---- round trips and loss ---- */
    uint64_t order;        /* of transmissions */
    uint64_t order_acked;  /* the latest transmission known to have arrived */
    uint64_t srtt, rttvar; /* 0: not measured */
    uint64_t rto;
    uint64_t rto_at; /* NEVER: nothing is under way */
    uint64_t reorder_at;
    uint32_t timeouts; /* in a row */
    uint32_t window;
    uint32_t window_acked;    /* since it grew */
    uint32_t window_saved;    /* before it was halved, while the halving may prove needless */
    uint64_t recover;         /* one halving for everything before it */
    uint32_t duplicates_told; /* the peer's count of them, as last heard */
    uint32_t twice;           /* frames that came twice */
    uint32_t last_twice;

    /* ---- what waits ---- */
    struct wire_staged *staged, **staged_end;
    struct wire_staged *request; /* room for one; NULL: in use */
    struct wire_staged *replies; /* rooms for AM_REPLIES of them, those not in use */
    struct wire_bulk *bulks, **bulks_end;
    uint8_t *assembly; /* of a message in parts */
    uint32_t assembled;
    struct am_header assembly_header;

    /* ---- meeting ---- */
    uint64_t incarnation; /* its; 0: unknown */
    bool confirmed;       /* it has proved to know ours */
    bool left;            /* it has said BYE */
    bool was_reset;       /* it has said RESET */
    uint16_t heard;       /* the largest HELLO that came */
    uint16_t told;        /* the largest of ours that it says it heard */
    uint32_t hellos;      /* sent while unanswered */
    uint64_t hello_at;    /* the next; NEVER: none */
    uint64_t suspect_at;  /* ask the node's agent (again) then; NEVER */
    uint64_t reset_at;    /* a RESET may be sent again then */
    uint64_t heard_at;

    struct wire_peer *next_busy, *prev_busy;
    struct wire_peer *next_touched;

    struct wire_sent sent[WIRE_SLOTS];
    struct wire_received received[WIRE_SLOTS];
};

enum wire_count {
    COUNT_SENT,
    COUNT_RECEIVED,
    COUNT_ACKS,
    COUNT_RESENT,
    COUNT_TIMEOUTS,
    COUNT_NEEDLESS,
    COUNT_DUPLICATES,
    COUNT_OUT_OF_ORDER,
    COUNT_BAD_SHAPE,
    COUNT_BAD_TAG,
    COUNT_FOREIGN,
    COUNT_EARLIER_LIFE,
    COUNT_BEYOND_CREDIT,
    COUNT_STRAY_BULK,
    COUNT_HELLOS,
    COUNT_AGENT_PROBES,
    COUNT_HELPER_TURNS,
    COUNT_PEERS_DOWN,
    WIRE_COUNTS,
};

struct wire_helper;

struct wire {
    struct wire_gate gate; /* first, and its transport first in that */
    const struct am_job *job;
    struct am_port *port;
    uint64_t incarnation;
    struct tag_key job_key;
    struct wire_peer **peers; /* of job->size; NULL: never met */
    struct wire_node *nodes;

    bool in_poll; /* frames are flushed at its end */
    bool unflushed;
    bool helper_turn;        /* the helper is at work: nothing is handed up */
    bool backlog;            /* it stored frames, or left other work, for the next poll */
    int broken;              /* the port's error */
    uint32_t polls_to_clock; /* empty ones, before the timers are looked at */
    int reopened;            /* peers that have room again, after they had none */
    uint32_t held;           /* peers whose next message the core did not take yet */
    uint64_t now;
    uint64_t gap;      /* since it was read before that */
    uint64_t next_due; /* no peer's timer is earlier */
    struct wire_peer *busy;
    struct wire_peer *touched;
    struct wire_bulk *done, **done_end; /* completions to be told */
    struct wire_bulk *free_bulks;

    struct wire_buffer *buffers; /* free ones */
    struct wire_chunk *chunks;
    size_t buffer_size;

    /* Grants: the sum of all peers' of at least `floor` each. */
    uint32_t budget;
    uint32_t granted;
    uint32_t floor;

    uint32_t nonce;
    uint32_t armed; /* 1: the helper looks from time to time; always 1 where there is none */
    struct wire_helper *helper;
    uint64_t count[WIRE_COUNTS];
};

static inline struct wire *wire_of(struct am_transport *transport)
{
    return (struct wire *)transport;
}

static inline struct wire_sent *sent_slot(struct wire_peer *peer, uint64_t seq)
{
    return &peer->sent[seq % WIRE_SLOTS];
}

static inline struct wire_received *received_slot(struct wire_peer *peer, uint64_t seq)
{
    return &peer->received[seq % WIRE_SLOTS];
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- wire.c ---- */
struct wire_peer *wire_peer_get(struct wire *wire,
                                uint32_t process); /* made if need be; NULL: no memory */
struct wire_buffer *wire_buffer_grow(struct wire *wire);
void wire_busy_add(struct wire_peer *peer);
void wire_timers(struct wire *wire); /* those that are due */
void wire_settle(
    struct wire *wire); /* after frames: losses, what may be sent now, acknowledgements */
void wire_flush_port(struct wire *wire);
int wire_frames(struct wire *wire);       /* take and settle; returns the messages delivered */
int wire_tell_done(struct wire *wire);    /* those whose transfers have ended; returns how many */
void wire_reopen(struct wire_peer *peer); /* is there room for who was refused? */

static inline struct wire_buffer *wire_buffer_take(struct wire *wire)
{
    struct wire_buffer *buffer = wire->buffers;

    if (unlikely(!buffer))
        return wire_buffer_grow(wire);
    wire->buffers = buffer->next;
    return buffer;
}

static inline void wire_buffer_give(struct wire *wire, struct wire_buffer *buffer)
{
    buffer->next = wire->buffers;
    wire->buffers = buffer;
}

/* Look at this peer's timers at `at` or before. */
static inline void wire_due(struct wire_peer *peer, uint64_t at)
{
    if (at < peer->due)
        peer->due = at;
    if (at < peer->wire->next_due)
        peer->wire->next_due = at;
    if (unlikely(!peer->busy))
        wire_busy_add(peer);
}

static inline void wire_touch(struct wire_peer *peer)
{
    if (!peer->touched) {
        peer->touched = true;
        peer->next_touched = peer->wire->touched;
        peer->wire->touched = peer;
    }
}

/* Flush now, unless a poll will. */
static inline void wire_flush_unless_polling(struct wire *wire)
{
    if (!wire->in_poll)
        wire_flush_port(wire);
}

/* ---- wire_send.c ---- */
int wire_send(struct am_link *link, const struct am_outgoing *message);
int wire_bulk(struct am_link *link, uint32_t transfer, uint64_t offset, const void *source,
              size_t length, am_done *done, void *context);
bool wire_peer_drained(const struct wire_peer *peer);
int wire_resend(struct wire_peer *peer, uint64_t seq); /* 0 or -EAGAIN */
void wire_pump(struct wire_peer *peer);                /* what waits, as far as there is room */
int wire_send_control(struct wire_peer *peer, enum frame_kind kind, const void *payload,
                      size_t length);
void wire_send_ack(struct wire_peer *peer);
void wire_bulk_end(struct wire *wire, struct wire_bulk *bulk, int status);

/* Complete the frame at `frame` (prefix and payload are there): the header and its tag, then commit it. */
void wire_commit(struct wire_peer *peer, uint8_t *frame, const struct tag_key *key, uint64_t seq,
                 enum frame_kind kind, size_t length, uint32_t crc);

/* ---- wire_receive.c ---- */
int wire_receive(struct wire *wire, const uint8_t *frame, size_t length); /* messages delivered */
int wire_deliver_stored(struct wire_peer *peer);                          /* messages delivered */

/* ---- wire_loss.c ---- */
void wire_acknowledged(struct wire_peer *peer, uint64_t ack, uint32_t credit,
                       const struct frame_ack *selective);
void wire_find_losses(struct wire_peer *peer);
void wire_timeout(struct wire_peer *peer);
void wire_limit(struct wire_peer *peer); /* recompute tx_limit */

/* ---- wire_credit.c ---- */
void wire_credit_start(struct wire *wire);
uint32_t
wire_credit(struct wire_peer *peer); /* to be told now, beside rx_next; may raise the grant */
void wire_credit_used(struct wire_peer *peer, uint64_t frames); /* rx_next has advanced */
void wire_credit_unused(struct wire_peer *peer); /* take the last frame's arrival back */
void wire_credit_drop(struct wire_peer *peer);

/* ---- wire_hello.c ---- */
void wire_hello_start(struct wire_peer *peer);
void wire_hello_due(struct wire_peer *peer);
void wire_hello_receive(struct wire *wire, const struct frame_header *header,
                        const uint8_t *payload, size_t size);
void wire_confirm(struct wire_peer *peer);
void wire_room(struct wire_peer *peer);
void wire_send_reset(struct wire_peer *peer); /* now and then */
void wire_bye_receive(struct wire_peer *peer);
void wire_reset_receive(struct wire_peer *peer);

/* ---- wire_silence.c ---- */
void wire_suspect(struct wire_peer *peer); /* something to it timed out */
void wire_agent_answered(struct wire *wire, const struct frame_header *header);
void wire_peer_fail(struct wire_peer *peer, const char *reason); /* NULL: the core knows */
void wire_verdicts(struct wire *wire);
void wire_peer_failf(struct wire_peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- wire_helper.c ---- */
void wire_helper_start(struct wire *wire);
void wire_helper_stop(struct wire *wire);
void wire_helper_wake(struct wire *wire);

/* Something is under way or owed: the helper must look while the program is elsewhere. */
static inline void wire_arm(struct wire *wire)
{
    if (unlikely(!__atomic_load_n(&wire->armed, __ATOMIC_RELAXED)))
        wire_helper_wake(wire);
}

#endif
