/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/core.h: the inside of an endpoint, for am/ alone.
 */
#ifndef CARAVAN_CORE_H
#define CARAVAN_CORE_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "am/am.h"
#include "am/job.h"
#include "am/link/link.h"
#include "am/link/wire.h"
#include "am/region/region.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The core's own handlers, above the user's. */
enum core_handler {
    CORE_GET = AM_HANDLERS, /* stream me this memory, or write it there yourself */
    CORE_CHUNK,             /* a piece of it */
    CORE_WRITTEN,           /* it is there */
    CORE_REFUSED,           /* there is no such memory */
    CORE_GOT,               /* all of it is in place: run this handler */
    CORE_PUT,               /* get this from me, then run this handler */
    CORE_PUT_DONE,
    CORE_HANDLERS,
};

struct handler_entry {
    am_handler *function;
    void *context;
};

struct peer {
    struct am_link *link;     /* NULL until the first message */
    uint32_t replies_awaited; /* of requests that went to it */
    uint32_t replies_owed;    /* of requests that came from it */
    bool down;
    bool no_read; /* its link copies nothing by itself: tried */
    bool no_write;
    struct ways *ways; /* [0] of data in pieces, [1] in a row; NULL: nothing measured yet */
};

struct am_table; /* am/transfer.c */
struct control_message;

/* To look at the control stream is a system call: within a wait only every so many polls (in a domain it is two ways through Xen, and
 * more polls). Who waits often and never for long, because he computes or takes long for each message, would hardly come to that:
 * each am_wait and am_poll looks as well if the last such look is so many ticks of the processor's counter ago, about a ms. */
enum {
    POLLS_PER_CONTROL = 1024,
    POLLS_PER_CONTROL_DOMAIN = 65536,
    TICKS_PER_CONTROL = 2000000,
};

/* ns before am_wait sleeps. A domain has its processor for itself, and its round trips take longer: through dom0, which may
 * have to be woken. Not for much longer, though: dom0 may want the very core that spins. */
enum { AM_SPIN = 50000, AM_SPIN_DOMAIN = 200000 };

struct am {
    /* Hot: read at every message. */
    struct peer *peers; /* job.size of them */
    struct am_transport *ring;
    struct am_transport *wire; /* NULL: the job uses no frames */
    struct am_work *work, **work_end;
    uint32_t polls_to_control;
    uint64_t control_tick; /* when the last look was due by these */
    uint32_t waiters;      /* threads asleep in am_wait */
    struct handler_entry handlers[AM_HANDLERS];

    struct am_job job;
    const struct launcher_ops *launcher; /* of use where job.control is not NULL */
    struct bell bell;
    struct am_table *transfers;
    uint32_t gets;        /* that wait for the peer to send their bytes */
    uint32_t streams;     /* those of them that are measured */
    uint64_t stream_time; /* ns, of each of them, */
    uint64_t stream_seen; /* until then */
    size_t lent;          /* bytes that peers on this node may copy by themselves */

    int broken; /* the error that every later call returns; 0 */
    bool threads;
    bool fenced;   /* barrier_out has come */
    uint64_t spin; /* ns before am_wait sleeps: AM_SPIN, AM_SPIN_DOMAIN, or a test's choice */
    uint32_t polls_per_clock; /* of a wait */
    bool slow_clock;          /* a look takes longer than some polls */
    bool always_copies;       /* the user wants no stream where a copy is possible */
    uint64_t sleeps;
    uint64_t looks;      /* at the control stream, each a system call */
    uint64_t apart_next; /* ns: when apart.c looks next */
    uint32_t yields;     /* of waits, with more ranks than cores */
    uint32_t moved_at;   /* of them */
    uint64_t moves;      /* to another processor, by apart.c */
    uint64_t stirs;      /* polls in which a link moved, though it may have handed nothing up */
    uint64_t events;     /* polls that handled something, with AM_THREADS */

    am_peer_down *down_function;
    void *down_context;

    am_query *query_function;
    void *query_context;
    uint64_t query;       /* number of the question that is being answered */
    unsigned told;        /* lines of the answer so far */
    uint64_t quiet_since; /* am_wait has found nothing since then; 0: it has, or is not in it */

    pthread_mutex_t lock;
    pthread_cond_t progressed;
    bool sleeper; /* a thread sleeps on the descriptors; further ones wait for `progressed` */
};

/* ---- the launcher --------------------------------------------------------------------------------- */

/* How it is talked to, chosen at the start. */
struct launcher_ops {
    /* Take what has come from it; -ECONNRESET: it is gone. Costs a system call. */
    int (*poll)(struct am *am);
    /* The descriptor to sleep on, and what for. */
    int (*wait_on)(struct am *am, short *events);
    /* Let `peer`, of the same node, have the ring on which we send to it. `fd` stays the caller's. */
    int (*offer_ring)(struct am *am, uint32_t peer, int fd, size_t bytes);
    /* Say that we are there; `fenced` is set once everybody is. */
    int (*fence_enter)(struct am *am);
    /* It knows of no process that is out of reach: a fence may never end once there is one. */
    bool fence_may_hang;
    void (*abort)(struct am *am, int status, const char *text);
    /* Say goodbye; waits for the answer. */
    void (*leave)(struct am *am);
};

extern const struct launcher_ops control_ops; /* mpirun's agent: control.c */
extern const struct launcher_ops pmi_ops;     /* another one that speaks PMI-1: pmi.c */

enum { LAUNCHER_PATIENCE = 60000 }; /* ms that it may take for one answer */

/* am/join.c: join the job that the environment names: introduce ourselves with our bell (`job->domu`: without), and learn the
 * rest of `job`. 0, or an error that was printed. */
int launcher_join(struct am_job *job, const struct bell *bell);
int control_join(struct am_job *job, const struct bell *bell);
int pmi_join(struct am_job *job);
/* am/pmi_call.c: call the launcher at PMI_PORT; then pmi_join. 0, or an error that was printed. */
int pmi_call(struct am_job *job);
void pmi_close(struct pmi *pmi);

/* A number from the environment; `absent` when it is not set. -1: set to something else. */
long environment_number(const char *name, long absent);
/* The next line from the launcher, waited for (-1: without end), of any command or of this one. 0 or an error. */
int launcher_receive(struct control_stream *stream, struct control_message *message, int timeout);
int launcher_expect(struct control_stream *stream, struct control_message *message,
                    const char *command, int timeout);

/* Of mpirun's agent alone: a ring in granted memory (ring_granted.c). */
int control_meet(struct am *am, uint32_t peer);
int control_grant(struct am *am, uint32_t peer, uint32_t lines, uint32_t port, const char *refs);
int control_taken(struct am *am, uint32_t peer, int error);
/* The answer to its question (query.c). */
int control_tell(struct am *am, uint64_t number, const char *text);
int control_answer(struct am *am, uint64_t number, bool waits, uint64_t quiet, uint64_t moved);

/* ---- am/query.c ----------------------------------------------------------------------------------- */

/* mpirun asks, by this number, what we are doing; with `detail` in words as well. */
int query_answer(struct am *am, uint64_t number, bool detail);

/* ---- am/wait.c ------------------------------------------------------------------------------------ */

/* See what a look at the clock takes. */
void wait_open(struct am *am);

/* ---- am/apart.c ------------------------------------------------------------------------------------- */

/* From a wait that began at `start`, now and then, where the node has a processor for each rank. */
void apart_look(struct am *am, uint64_t start, uint64_t now);
/* After each yield of a wait, where it has not. */
void apart_yielded(struct am *am);

/* ---- am/link/ring.c ------------------------------------------------------------------------------- */

struct am_transport *ring_open(struct am *am);
/* From the control stream: a peer's ring towards us (`fd` is taken over), a peer's bell. */
int ring_attach(struct am_transport *transport, uint32_t peer, int fd, size_t bytes);
int ring_bell(struct am_transport *transport, uint32_t peer, int memory, int event);
/* Was a peer that is awake, or (`rung`) was woken and has not run since, last seen on `processor`? And where are `others`? */
bool ring_neighbours(const struct am_transport *transport, int processor, bool rung,
                     cpu_set_t *others);
/* How many of the node's other ranks were last seen on each of CPU_SETSIZE processors, and which is the last. False: not all of them
 * are known. */
struct census {
    uint32_t ranks[CPU_SETSIZE], last[CPU_SETSIZE];
};
bool ring_census(const struct am_transport *transport, struct census *census);
/* Ask `process`, whose bell we have, to go to `processor`. */
void ring_invite(struct am_transport *transport, uint32_t process, size_t processor);

/* ---- am/link/ring_segment.c --------------------------------------------------------------------------- */

void *ring_segment_take(struct am_transport *transport, size_t size);
void ring_segment_give(struct am_transport *transport);

/* ---- am/link/ring_granted.c: rings in memory that domains of one Xen host grant to one another ------------------- */

/* A link by frames was made to `peer`, which is beside us: may there be a ring instead? */
void ring_meet(struct am_transport *transport, uint32_t peer, struct am_link *frames);
/* From the control stream; what cannot be is refused or forgotten. The peer is that domain; it offers a ring of its own (`refs` is
 * text of its making); it has taken ours, or could not. */
struct ring_offer {
    uint32_t domain;
    uint32_t port;
    uint32_t lines;
    const char *refs;
};
int ring_domain(struct am_transport *transport, uint32_t peer, uint32_t domain);
int ring_offer(struct am_transport *transport, uint32_t peer, const struct ring_offer *offer);
int ring_taken(struct am_transport *transport, uint32_t peer, int error);
/* A further descriptor to sleep on, -1: none; and it was readable. */
int ring_descriptor(const struct am_transport *transport);
void ring_rung(struct am_transport *transport);

/* ---- am/transfer.c ------------------------------------------------------------------------------------ */

int transfer_open(struct am *am);
void transfer_close(struct am *am);
void transfer_peer_down(struct am *am, uint32_t peer);
/* A message for one of the core's handlers; -EPROTO: it cannot be. */
int transfer_deliver(struct am *am, uint32_t peer, struct am_header header, const uint64_t *args,
                     const void *payload);

/* ---- using the endpoint ---------------------------------------------------------------------------- */

/* Every public call that may reach the wire is bracketed, so that its helper thread stays out. They nest. */
static inline void am_enter(struct am *am)
{
    if (unlikely(am->wire != NULL))
        wire_enter(am->wire);
}

static inline void am_leave(struct am *am)
{
    if (unlikely(am->wire != NULL))
        wire_leave(am->wire);
}

/* ---- am/am.c -------------------------------------------------------------------------------------- */

/* am_poll for one who is inside and looks at the clock by himself. */
int am_poll_inside(struct am *am);

/* At the beginning of each am_poll and am_wait: the next poll looks at the control stream if none has for long. */
static inline void am_control_when_due(struct am *am)
{
#if defined(__x86_64__)
    uint64_t tick = __builtin_ia32_rdtsc();
#else
    uint64_t tick = am_now(am);
#endif

    if (likely(tick - am->control_tick < TICKS_PER_CONTROL))
        return;
    am->control_tick = tick;
    am->polls_to_control = 1;
}

/* The link to `peer`, made now if need be: 0, -EINVAL, -EHOSTDOWN, -ENOMEM. */
int am_link_to(struct am *am, uint32_t peer, struct am_link **link);

/* One line on standard error, prefixed with who we are. */
void am_complain(const struct am *am, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
