/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/p2p.h: how point-to-point messages travel over am.h. Private to the core, and to coll/schedule.c.
 *
 * Every message starts with an *envelope* of two arguments:
 *   args[0]  context << 32 | tag
 *   args[1]  rank of the sender << 32 | credit returned to the receiver of this message, in bytes
 * and is one of
 *   EAGER        the payload comes along
 *   SYNCHRONOUS  the same; args[2] names the sender's request, and SYNCHRONOUS_MATCHED answers it once received
 *   RENDEZVOUS   args[2..5]: base and key of the sender's memory, length, name of its request. The receiver pulls the
 *                bytes into the posted buffer (am_get), which ends with RENDEZVOUS_DONE in the sender. In a collective call
 *                the payload is its word (call.h)
 *   COLLECTIVE   as EAGER; args[2] is the word of the collective call
 *
 * Credit: a sender may have CREDIT bytes of eager messages at a receiver that has not received them. Without credit
 * it uses RENDEZVOUS, which needs none. The receiver gives credit back with its own envelopes and answers, or with a
 * message of its own once it owes half.
 *
 * To each peer there is one order: what cannot leave at once is queued, and everything after it behind it.
 */
#ifndef CORE_P2P_H
#define CORE_P2P_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/coll/tags.h"
#include "mpi-shim/core/core.h"
#include "mpi-shim/core/memory.h"

enum handler {
    HANDLER_EAGER,
    HANDLER_SYNCHRONOUS,
    HANDLER_SYNCHRONOUS_MATCHED, /* name, credit */
    HANDLER_RENDEZVOUS,
    HANDLER_RENDEZVOUS_DONE, /* name, credit */
    HANDLER_CREDIT,          /* 0, credit */
    HANDLER_CANCEL,          /* name of the sender's request: forget it if it was not received */
    HANDLER_CANCELLED,       /* name: it was not */
    HANDLER_WAKE,            /* to oneself: something was completed by another thread */
    HANDLER_COLLECTIVE,
    HANDLER_REFUSED, /* name, credit, word of the receiver's call: it will not receive the message */
    HANDLER_ASK, /* context, credit, word: answered once the receiver is in another call, or has left this one */
    HANDLER_ANSWER, /* context, credit, that word, the receiver's own */
};

enum message_kind {
    MESSAGE_EAGER,
    MESSAGE_SYNCHRONOUS,
    MESSAGE_RENDEZVOUS,
    MESSAGE_NO_PROC,
    MESSAGE_REFUSED, /* a rendezvous of which the sender was told that nothing will come of it */
};

enum phase {
    PHASE_IDLE,
    PHASE_QUEUED,  /* a send that has not left */
    PHASE_SENT,    /* a send that waits for the receiver */
    PHASE_POSTED,  /* a receive without a message */
    PHASE_PULLING, /* a receive whose bytes are under way */
};

/* What a call waits for, should anybody ask (waiting.c). It is filled in when there is nothing left to do but wait, and lies on
 * the stack of who does. Where `requests` are given they tell the communicator, the peer and the tag. */
struct waiting {
    struct waiting *next;
    const char *call; /* NULL: the collective call of the communicator */
    struct request *const *requests;
    int count;
    const struct comm *comm; /* NULL: none */
    int source;              /* of a probe */
    int tag;
};

enum {
    MESSAGE_COST = sizeof(struct message), /* of an eager message beside its payload */
    CONTEXTS_MAX = 1 << 24,
};

/* One cache line: all that a send touches of its destination. */
struct peer {
    uint32_t credit; /* bytes this process may still send eagerly */
    uint32_t owed;   /* bytes received from it and not given back */
    uint32_t process;
    bool deferred; /* `work` is in am's queue */
    bool down;
    bool credit_queued;
    bool flooded;           /* it has taken nothing for long (send_kept) */
    struct outgoing *first; /* what waits to leave, in order */
    struct outgoing **last;
    struct am_work work;
    char *reason; /* why it is down */
} __attribute__((aligned(64)));

/* ---- peer.c ------------------------------------------------------------------------------------- */

extern uint32_t peer_credit; /* the most a peer may owe */

int peers_create(void);
void peers_destroy(void);
bool peers_busy(void); /* something waits to leave */

/* Send `outgoing` after all that waits; it is kept until it has left, and then outgoing_left is called. */
void peer_send(struct peer *peer, struct outgoing *outgoing);
/* The same from a handler, which may not send. */
void peer_send_later(struct peer *peer, struct outgoing *outgoing);
/* Take back what has not left. False: it has. */
bool peer_unsend(struct peer *peer, struct outgoing *outgoing);

/* Send a message without a request: `name` and the credit owed. */
void peer_answer(struct peer *peer, enum handler handler, uint64_t name, bool in_handler);

/* The peer's eager message of `cost` bytes no longer takes room. */
void peer_return_slow(struct peer *peer, bool in_handler);
static inline void peer_return(struct peer *peer, uint32_t cost, bool in_handler)
{
    peer->owed += cost;
    if (unlikely(peer->owed >= peer_credit / 2))
        peer_return_slow(peer, in_handler);
}

/* The error of an operation that the peer's end broke, with the reason. */
int peer_error(const struct peer *peer);
extern uint32_t peers_down; /* how many */

/* The first peer of `comm` that is down, or NULL. */
struct peer *comm_peer_down(const struct comm *comm);

/* ---- request.c -------------------------------------------------------------------------------- */

extern struct request request_sent; /* REQUEST_SHARED */

/* A request of the program's, active, or one on the stack that nobody else knows. */
struct request *request_get(enum request_kind kind);
static inline void request_prepare(struct request *request, enum request_kind kind)
{
    request->magic = REQUEST_MAGIC;
    request->kind = (uint8_t)kind;
    request->complete = false;
    request->active = true;
    request->flags = 0;
    request->status.error = 0;
    request->status.cancelled = 0;
    request->comm = NULL;
    request->cancelling = false;
    request->phase = PHASE_IDLE;
    request->name = 0;
    request->type = NULL;
    request->packed = NULL;
    request->called = 0;
    request->unfit = false;
}
/* Free what it holds, and itself when it came from request_get. */
void request_put(struct request *request);
/* Drop what only an active request holds. */
static inline void request_release_data(struct request *request)
{
    if (unlikely(request->packed)) {
        free(request->packed);
        request->packed = NULL;
    }
}

/* Sends that the program freed and that are not complete. */
extern uint32_t requests_detached;

/* The operation has ended; status.error says how. */
void request_complete_slow(struct request *request);
static inline void request_complete(struct request *request)
{
    request->complete = true;
    core.completed += request->flags / REQUEST_COUNTED & 1;
    if (unlikely(request->flags & (REQUEST_DETACHED | REQUEST_PART)))
        request_complete_slow(request);
}

/* Let the network progress until something happens; `waiting` says what the caller waits for. */
void core_wait(struct waiting *waiting);
/* The same, until a time in ns of CLOCK_MONOTONIC at the latest. */
void core_wait_until(struct waiting *waiting, uint64_t deadline);
uint64_t core_now(void);
void core_poll(void);
/* Something was completed outside a poll: wake the threads that sleep until a message comes. Polls. */
void core_wake(void);

/* request_wait in the name of another call, whose own communicator takes the error. */
int request_wait_in(const char *call, struct request **handle, struct status *status);

/* Remember whose error handler is to take an error that follows. */
void request_blame(const struct request *request);
/* The operation's own error, explained. */
int request_explain(const struct request *request);

/* An am_run of a request with REQUEST_GAPS. */
void *request_run(void *request, size_t offset, size_t *length);

/* Names by which peers call requests. */
void request_name(struct request *request);
void request_unname(struct request *request);
struct request *request_named(uint64_t name, uint32_t process);
typedef void request_visit(struct request *request, void *context);
void request_each_named(request_visit *visit, void *context);
/* All that request_get gave and that were not put back. */
void request_each(request_visit *visit, void *context);

static inline void status_empty(struct status *status)
{
    if (status) {
        status->source = ANY_SOURCE;
        status->tag = ANY_TAG;
        status->cancelled = 0;
        status->count = 0;
    }
}

/* MPI 3.1 section 3.2.5: calls that return one status leave its error field alone. */
static inline void status_give(struct status *status, const struct status *from)
{
    if (status) {
        status->source = from->source;
        status->tag = from->tag;
        status->cancelled = from->cancelled;
        status->count = from->count;
    }
}

/* ---- send.c --------------------------------------------------------------------------------------- */

static inline uint64_t envelope_tag(uint32_t context, int tag)
{
    return (uint64_t)context << 32 | (uint32_t)tag;
}

static inline uint64_t envelope_rank(int rank, uint32_t owed)
{
    return (uint64_t)(uint32_t)rank << 32 | owed;
}

/* Send at once without a request, or -EAGAIN. Hot. */
static inline int eager_send_by(enum handler handler, const struct comm *comm, uint32_t context,
                                int dest, int tag, uint64_t called, const void *data, size_t length)
{
    struct peer *peer = &core.peers[comm->process[dest]];
    uint32_t cost = (uint32_t)length + MESSAGE_COST;
    uint64_t args[3];
    int error;

    if (unlikely(peer->first || peer->credit < cost))
        return -EAGAIN;
    args[0] = envelope_tag(context, tag);
    args[1] = envelope_rank(comm->rank, peer->owed);
    args[2] = called;
    error = am_request(core.am, peer->process, handler, args, handler == HANDLER_EAGER ? 2 : 3,
                       data, length);
    if (unlikely(error))
        return error;
    peer->credit -= cost;
    peer->owed = 0;
    return 0;
}

static inline int eager_send(const struct comm *comm, uint32_t context, int dest, int tag,
                             const void *data, size_t length)
{
    return eager_send_by(HANDLER_EAGER, comm, context, dest, tag, 0, data, length);
}

/* A message of a collective call. */
static inline int eager_send_called(const struct comm *comm, int dest, int tag, uint64_t called,
                                    const void *data, size_t length)
{
    return eager_send_by(HANDLER_COLLECTIVE, comm, comm->context + 1, dest, tag, called, data,
                         length);
}

/* The word of a message with this tag. Making communicators is not always a call on the one that the messages are of. */
static inline uint64_t call_of_tag(const struct comm *comm, int tag)
{
    return likely(tag < TAG_SCHEDULE) ? comm->calls.current : 0;
}

/* Fill in a request for a send or a receive; the type's data are found or (for a type with gaps) packed. */
void send_fill(struct request *request, enum send_mode mode, const void *buffer, size_t count,
               struct datatype *type, int dest, int tag, struct comm *comm);
/* A request for a send that the program does not know of. */
struct request *send_hidden(struct comm *comm);
/* Start it. */
void send_begin(struct request *request);

/* A send that was kept has ended. */
void send_kept_ended(const struct request *request);

/* Called by peer.c when a request's message has left, or (error) never will. */
void send_left(struct request *request, int error);

/* Fail every send that waits for this peer's answer. */
void send_peer_down(struct peer *peer);
void send_handlers(void);

/* ---- receive.c ---------------------------------------------------------------------------------- */

static inline struct message *message_of(struct match_message *match)
{
    return (struct message *)(void *)((char *)match - offsetof(struct message, match));
}

static inline struct request *request_of(struct match_posted *posted)
{
    return (struct request *)(void *)((char *)posted - offsetof(struct request, posted));
}

void receive_fill(struct request *request, void *buffer, size_t count, struct datatype *type);
/* Start a receive whose buffer is filled in. */
void receive_begin(struct request *request, struct match *match, int source, int tag);
/* Give a message that was taken out of its queue to a receive; frees the message. */
void message_deliver(struct message *message, struct request *request);
void message_free(struct message *message);
/* Fail every receive that waits for this peer. */
void receive_peer_down(struct peer *peer);
void receive_handlers(void);

/* ---- cancel.c ----------------------------------------------------------------------------------- */

/* Cancel a send or a receive that is not complete, as far as it can be. */
void request_withdraw(struct request *request);

/* ---- coll/schedule.c ---------------------------------------------------------------------------- */

/* A part has ended, with status.error; it is freed. In a handler too. */
void schedule_part_ended(struct request *part);
/* Carry on with the schedules that can go on: after each poll. Callbacks of the program run without core_lock. */
extern struct schedule *schedules_ready;
void schedules_progress(void);
/* Begin a persistent one again; and the end of one. */
void schedule_restart(struct schedule *schedule);
void schedule_free(struct schedule *schedule);

/* ---- rendezvous.c ------------------------------------------------------------------------------- */

/* Pull `length` bytes at the sender into the request's buffer, and complete it. */
void rendezvous_pull(struct request *request, uint32_t process, const struct am_memory *memory,
                     size_t length, uint64_t name, bool in_handler);
/* Nobody pulls any more. */
bool rendezvous_busy(void);

/* ---- buffered.c --------------------------------------------------------------------------------- */

int buffered_send(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                  struct comm *comm);
bool buffered_busy(void);

/* ---- waiting.c ---------------------------------------------------------------------------------- */

/* Answer mpirun when it asks what this process waits for. */
void waiting_answer(void);

/* ---- context.c ---------------------------------------------------------------------------------- */

/* The queues of a context; made when there are none yet, for messages may come before the communicator. */
struct match *context_match_slow(uint32_t context);
static inline struct match *context_match(uint32_t context)
{
    if (likely(context < core.contexts && core.context[context]))
        return core.context[context];
    return context_match_slow(context);
}
/* Mark a number (even) as a communicator's; and end that, with what is left in both its queues. */
void context_take(uint32_t context);
void context_release(uint32_t context);
/* Take the lowest number (even) from `from` on that is free here; and give back what was not agreed on. */
uint32_t context_propose(uint32_t from);
void context_refuse(uint32_t proposal);
void contexts_destroy(void);

/* Processes that agree: some ranks of a communicator, and maybe those of another team. */
struct team {
    struct comm *comm;
    const int *ranks; /* NULL: all */
    int size;
    int self; /* place among `ranks` */
    int tag;
    /* Which of two agreements under way in a process goes first; the same in all members. */
    uint32_t order;
    /* How the first member reaches that of the other team, NULL if there is none. Nobody else looks. */
    struct comm *bridge;
    int bridge_rank;
    int bridge_tag;
};

/* Take a number (even) that is free in all of the team, or of both. Collective among them. */
int context_agree(const struct team *team, uint32_t *context);

/* ---- comm.c ------------------------------------------------------------------------------------- */

static inline void comm_retain(struct comm *comm)
{
    comm->references++;
}
void comm_destroy(struct comm *comm);
static inline void comm_release(struct comm *comm)
{
    if (unlikely(--comm->references == 0))
        comm_destroy(comm);
}
/* Give back a reference; group_release for those who hold core_lock. */
void group_drop(struct group *group);
void comm_setup(struct comm *comm, uint32_t context, struct group *group);
/* One that inherits the parent's error handler. It takes over the reference of `group`. */
struct comm *comm_make(struct comm *parent, uint32_t context, struct group *group);
/* Free what failed MPI_Comm_idups left, at the end. */
void idup_end(void);
/* Empty world or self, at the end. */
void comm_predefined_end(struct comm *comm);

/* Who goes where when a communicator is split. */
struct place {
    int color;
    int key;
    int rank;
};

/* Move those of `color` to the front, in the order of the new communicator; returns how many there are. */
int places_choose(struct place *places, int count, int color);

/* ---- intercomm.c: what core.h says of inter-communicators --------------------------------------- */

int intercomm_dup(struct comm *comm, struct comm **made);
int intercomm_create_among(struct comm *comm, struct group *group, struct comm **made);
int intercomm_split(struct comm *comm, int color, int key, struct comm **made);

/* A message that no process of ours sends: the peer, or what lies between, is broken. */
void protocol_error(const struct am_message *message, const char *what)
    __attribute__((noreturn, cold));

#endif
