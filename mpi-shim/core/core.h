/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/core.h: the MPI core: its objects, and what a face (abi/) calls.
 *
 * The core knows objects, not handles, and no mpi.h. A face turns handles into objects, checks arguments,
 * calls the core, and raises what it returns through the communicator's error handler. In the Open MPI face
 * a handle is the object's address, and the predefined objects are the program's data objects of fixed size,
 * which core_init fills in; so every struct here must fit them (abi/ asserts it):
 *   comm 512, group 256, request 256, message 256, datatype 512, op 2048, errhandler 1024, info 256.
 * Every object begins with a 32-bit magic word, changed when it is freed, so that a freed or foreign handle is
 * recognised. A zeroed object (before core_init) has none.
 *
 * Functions return 0 (MPI_SUCCESS) or an error class (core/error.h), unless said otherwise. Ranks, counts and
 * tags are as in the standard and already checked by the face: counts not negative, ranks of the communicator (or
 * PROC_NULL, ANY_SOURCE where allowed), tags not negative (or ANY_TAG), types committed.
 *
 * Threads: with THREAD_MULTIPLE, a function marked [lock] takes the core's lock itself; the others read what does
 * not change, or say that the caller holds core_lock.
 *
 * Collectives are declared in coll/coll.h, topologies in topo/topo.h.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "am/am.h"
#include "mpi-shim/core/attribute.h"
#include "mpi-shim/core/call.h"
#include "mpi-shim/core/datatype.h"
#include "mpi-shim/core/errhandler.h"
#include "mpi-shim/core/error.h"
#include "mpi-shim/core/info.h"
#include "mpi-shim/core/match.h"
#include "mpi-shim/core/op.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The values of the Open MPI ABI. */
enum {
    ANY_SOURCE = -1,
    ANY_TAG = -1,
    PROC_NULL = -2,
    ROOT = -4,
    UNDEFINED = -32766,
    TAG_UB = 0x7fffffff,
    MAX_OBJECT_NAME = 64,
    BSEND_OVERHEAD = 128,
};
#define IN_PLACE ((void *)1)

enum { COMPARE_IDENT, COMPARE_CONGRUENT, COMPARE_SIMILAR, COMPARE_UNEQUAL };
enum { THREAD_SINGLE, THREAD_FUNNELED, THREAD_SERIALIZED, THREAD_MULTIPLE };

enum {
    COMM_MAGIC = 0x434f4d4d,
    GROUP_MAGIC = 0x47525550,
    REQUEST_MAGIC = 0x52455155,
    MESSAGE_MAGIC = 0x4d455353,
    FREED_MAGIC = 0x66726565,
};

/* As MPI_Status of the Open MPI ABI lies in memory. `count` is in bytes. */
struct status {
    int source;
    int tag;
    int error;
    int cancelled;
    size_t count;
};

/* ---- objects ---------------------------------------------------------------------------------- */

struct group {
    uint32_t magic;
    int references; /* under core_lock */
    int size;
    int rank;          /* of this process, or UNDEFINED */
    bool predefined;   /* never freed */
    bool identity;     /* process[i] == i */
    uint32_t *process; /* of rank i, an am process number */
};

struct comm {
    uint32_t magic;
    uint32_t context; /* even: point to point; context + 1: collectives */
    int rank;
    int size;       /* of the local group */
    int peers;      /* ranks that one can name as destination: size, or the remote group's */
    int references; /* 1, and 1 for each pending request; under core_lock */
    const uint32_t *process;  /* of each of those ranks */
    struct match *match;      /* queues of `context` */
    struct match *coll_match; /* queues of `context + 1` */
    struct group *group;
    struct group *remote; /* of an inter-communicator, else NULL */
    struct comm *local;   /* of an inter-communicator: its group by itself, for collectives */
    struct errhandler *errhandler;
    struct attributes *attributes;
    struct topology *topology; /* or NULL */
    uint32_t schedules; /* made so far, in every process alike (coll/schedule.h); under core_lock */
    void *face;         /* the face's own (Fortran index, ...) */
    struct calls calls; /* collective ones */
    bool one_node;      /* all ranks of the local group are on one */
    struct nodes *nodes; /* which are on which, or NULL until coll/nodes.h asked */
    bool predefined;
    bool freed; /* MPI_Comm_free was called; pending requests keep it */
    char name[MAX_OBJECT_NAME];
};

enum request_kind {
    REQUEST_NULL, /* the face's null request: complete, inactive, with the empty status */
    REQUEST_SEND,
    REQUEST_RECV,
    REQUEST_MATCHED, /* Imrecv */
    REQUEST_GENERALIZED,
    REQUEST_COLLECTIVE,
};

enum send_mode {
    SEND_STANDARD,
    SEND_SYNCHRONOUS,
    SEND_READY,
    SEND_BUFFERED,
    SEND_KEPT, /* a standard or ready one of a copy, whose call has returned */
};

/* A message on its way to a peer that could not leave at once. */
struct outgoing {
    struct outgoing *next;
    uint64_t args[6];
    const void *payload;
    uint32_t length;
    uint8_t handler;
    uint8_t nargs;
    bool request; /* part of one, and not to be freed when it has left */
};

enum request_flags {
    REQUEST_GAPS =
        1 << 0, /* the type has gaps: bytes go through datatype_pack or datatype_unpack */
    REQUEST_COUNTED = 1 << 1,  /* in core.completed when complete: the program will ask for it */
    REQUEST_DETACHED = 1 << 2, /* MPI_Request_free was called: freed when complete */
    REQUEST_PERSISTENT = 1 << 3,
    REQUEST_SHARED = 1 << 4, /* stands for every send that was complete at once; never freed */
    REQUEST_COLLECTIVE_CONTEXT = 1 << 5,
    REQUEST_PART = 1 << 6,     /* of a schedule, which is told when it is complete */
    REQUEST_ATTENDED = 1 << 7, /* a send for whose end this process waits from now on */
};

/* What an arriving message touches comes first. */
struct request {
    uint32_t magic;
    uint8_t kind;         /* of enum request_kind */
    bool complete;        /* what Wait and Test look at; true also while inactive */
    bool active;          /* false: a persistent request that is not started, or the null request */
    uint8_t flags;        /* of enum request_flags */
    struct status status; /* error: of the operation */
    char *buffer;         /* where the bytes go or come from */
    size_t length;        /* that fit there, or that are sent */
    struct match_posted posted;
    struct comm *comm;

    uint8_t mode;  /* of enum send_mode */
    uint8_t phase; /* of enum phase in p2p.h */
    bool cancelling;
    bool unfit; /* the peer is in another collective call, or has left this one */
    int peer;   /* rank that the program named */
    int tag;
    uint32_t process;      /* of that rank; of the sender once a receive is matched */
    uint64_t name;         /* by which the peer calls it, or 0 */
    struct datatype *type; /* retained, where it is needed later; or NULL */
    size_t count;
    void *user;      /* the program's buffer */
    void *packed;    /* contiguous copy for a type with gaps, or NULL; to be freed */
    uint64_t called; /* the collective call that it belongs to (call.h), or 0 */
    union {
        size_t arrived; /* length of a message that does not fit */
        uint64_t said;  /* with `unfit` */
    };
    struct am_memory memory;
    void *owner; /* of a part (coll/schedule.c) */
    union {
        struct outgoing outgoing;
        struct { /* REQUEST_GENERALIZED */
            int (*query)(void *state, struct status *status);
            int (*release)(void *state);
            int (*cancel)(void *state, int complete);
            void *state;
        } generalized;
        struct schedule *schedule; /* REQUEST_COLLECTIVE; NULL once that is freed */
        struct request *next_free;
    };
};

/* A message that has arrived and not been received: queued in its communicator, or taken out by Mprobe and then
 * known to the program as its MPI_Message. The payload of an eager one follows. */
struct message {
    uint32_t magic;
    uint8_t kind; /* enum message_kind in p2p.h */
    bool predefined;
    uint32_t process;           /* the sender */
    struct match_message match; /* source and tag */
    size_t length;
    uint64_t sender_id; /* of the sender's request, where it wants to hear of it */
    uint64_t called;    /* the collective call that it belongs to, or 0 */
    struct am_memory memory;
    struct comm *comm; /* set by Mprobe */
    uint64_t payload[];
};

/* ---- the process ------------------------------------------------------------------------------ */

/* The face's data objects that core_init fills in, and its error handlers. */
struct core_predefined {
    struct comm *world;
    struct comm *self;
    struct comm *comm_null; /* stays without magic */
    struct group *group_empty;
    struct group *group_null; /* stays without magic */
    struct request *request_null;
    struct message *message_null; /* stays without magic */
    struct message *message_none; /* MPI_MESSAGE_NO_PROC */
    struct errhandler *fatal;     /* given to world and self */
};

struct peer;
struct waiting;

struct core {
    struct am *am;
    struct peer *peers; /* by process */
    uint32_t processes;
    uint32_t self;
    bool threads; /* THREAD_MULTIPLE: use the lock */
    bool finalized;
    bool initialized;
    int thread_level;
    uint32_t eager;     /* longest payload that goes with its envelope */
    uint64_t completed; /* requests complete that the program has not been told of */
    uint32_t contexts;
    struct match **context;  /* queues, by context number */
    struct waiting *waiting; /* calls that wait, of all threads */
    struct core_predefined predefined;
};

extern struct core core;

/* Take part in the job, and fill in the predefined objects. `level` is what the program asked for; *provided what it
 * gets. A failure has been reported on standard error. */
int core_init(const struct core_predefined *predefined, int level, int *provided);

/* Drain, wait for the others, leave. [lock] Attributes of self were deleted by the face before. */
int core_finalize(void);

/* End the job with `status` and this line (printf's format) on standard error. */
void core_abort(int status, const char *format, ...)
    __attribute__((noreturn, cold, format(printf, 2, 3)));

/* Mutual exclusion with THREAD_MULTIPLE, nothing otherwise. Not recursive. */
static inline void core_lock(void)
{
    if (unlikely(core.threads))
        am_lock(core.am);
}

static inline void core_unlock(void)
{
    if (unlikely(core.threads))
        am_unlock(core.am);
}

/* ---- collective calls [lock] --------------------------------------------------------------------- */

/* A process enters a collective call on `comm` (in which all ranks have so many bytes, or 0), and leaves it with `error`: 0, or what the call came to. The error that the
 * program is to hear of is returned, for it may turn out at the end only that the ranks' calls do not fit together. */
static inline void call_enter(struct comm *comm, enum call call, int root, size_t bytes)
{
    struct calls *calls = &comm->calls;
    bool more;

    core_lock();
    calls->before = calls->current;
    calls->current = call_word(call, root, bytes, ++calls->count);
    calls->inside = true;
    more = calls->more;
    core_unlock();
    if (unlikely(more))
        call_enter_slow(comm, call, root);
}

static inline int call_leave(struct comm *comm, int error)
{
    bool more;

    core_lock();
    comm->calls.inside = false;
    more = error || comm->calls.more || match_unexpected(comm->coll_match) != 0;
    core_unlock();
    return unlikely(more) ? call_leave_slow(comm, error) : 0;
}

/* ---- point to point [lock] ---------------------------------------------------------------------- */

int send_blocking(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
                  int dest, int tag, struct comm *comm);
int send_start(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
               int dest, int tag, struct comm *comm, struct request **request);
int recv_blocking(void *buffer, size_t count, struct datatype *type, int source, int tag,
                  struct comm *comm, struct status *status);
int recv_start(void *buffer, size_t count, struct datatype *type, int source, int tag,
               struct comm *comm, struct request **request);

/* `status` may be NULL here and everywhere else. */
int sendrecv(const void *send_buffer, size_t send_count, struct datatype *send_type, int dest,
             int send_tag, void *recv_buffer, size_t recv_count, struct datatype *recv_type,
             int source, int recv_tag, struct comm *comm, struct status *status);
int sendrecv_replace(void *buffer, size_t count, struct datatype *type, int dest, int send_tag,
                     int source, int recv_tag, struct comm *comm, struct status *status);

/* Persistent requests: made inactive; request_start starts one. */
int send_init(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
              int dest, int tag, struct comm *comm, struct request **request);
int recv_init(void *buffer, size_t count, struct datatype *type, int source, int tag,
              struct comm *comm, struct request **request);
int request_start(struct request *request);
int request_startall(int count, struct request **requests);

int probe_blocking(int source, int tag, struct comm *comm, struct status *status);
int probe_now(int source, int tag, struct comm *comm, int *flag, struct status *status);
int mprobe_blocking(int source, int tag, struct comm *comm, struct message **message,
                    struct status *status);
int mprobe_now(int source, int tag, struct comm *comm, int *flag, struct message **message,
               struct status *status);
/* `message` ends here (the face then sets the handle to MPI_MESSAGE_NULL). The communicator for errors is
 * message->comm, which is NULL for MPI_MESSAGE_NO_PROC: read it before. */
int mrecv_blocking(void *buffer, size_t count, struct datatype *type, struct message *message,
                   struct status *status);
int mrecv_start(void *buffer, size_t count, struct datatype *type, struct message *message,
                struct request **request);

/* The buffer of MPI_Buffer_attach; detach waits until it is empty. */
int buffer_attach(void *buffer, size_t size);
int buffer_detach(void **buffer, size_t *size);

/* The same on the collective context, for coll/ and for making communicators; blocking, and exact: ranks of the
 * communicator, no PROC_NULL. */
int coll_send(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
              struct comm *comm);
/* The same where a root sends to all others, or they to it: who receives a long message copies it by himself, where he may, and waits
 * for no sender's turn. */
int coll_offer(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
               struct comm *comm);
int coll_recv(void *buffer, size_t count, struct datatype *type, int source, int tag,
              struct comm *comm);
int coll_sendrecv(const void *send_buffer, size_t send_count, struct datatype *send_type, int dest,
                  void *recv_buffer, size_t recv_count, struct datatype *recv_type, int source,
                  int tag, struct comm *comm);
/* Exchange one block with `peer`, in place. */
int coll_sendrecv_replace(void *buffer, size_t count, struct datatype *type, int peer, int tag,
                          struct comm *comm);
/* Nonblocking; ended by coll_waitall. */
int coll_send_start(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                    struct comm *comm, struct request **request);
int coll_offer_start(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                     struct comm *comm, struct request **request);
int coll_recv_start(void *buffer, size_t count, struct datatype *type, int source, int tag,
                    struct comm *comm, struct request **request);

/* Wait for all and forget them. The error is that of the first which failed. */
int coll_waitall(int count, struct request **requests);

/* ---- completion [lock] -------------------------------------------------------------------------- */

/* Where a request completes, *request becomes predefined.request_null (unless it is persistent). A handle that is no
 * request gives ERR_REQUEST: the face need not look. The error returned is the operation's own; with several
 * requests it is ERR_IN_STATUS, and the errors are in the statuses. The communicator whose error handler takes it is
 * request_failed(). */
int request_wait(struct request **request, struct status *status);
int request_test(struct request **request, int *flag, struct status *status);
int request_waitany(int count, struct request **requests, int *index, struct status *status);
int request_testany(int count, struct request **requests, int *index, int *flag,
                    struct status *status);
int request_waitall(int count, struct request **requests, struct status *statuses);
int request_testall(int count, struct request **requests, int *flag, struct status *statuses);
int request_waitsome(int count, struct request **requests, int *completed, int *indices,
                     struct status *statuses);
int request_testsome(int count, struct request **requests, int *completed, int *indices,
                     struct status *statuses);
int request_free(struct request **request);
int request_cancel(struct request *request);
int request_get_status(struct request *request, int *flag, struct status *status);

/* The communicator of the request that failed in this thread, NULL where that has none. It is the caller's until
 * request_forgive, even if the program has freed it. */
struct comm *request_failed(void);
void request_forgive(struct comm *comm);

/* A generalized request, active; grequest_complete ends it. Errors of the functions are returned by Wait and Test. */
int grequest_start(int (*query)(void *, struct status *), int (*release)(void *),
                   int (*cancel)(void *, int), void *state, struct request **request);
int grequest_complete(struct request *request);

/* ---- what is left (leaks.c) [lock] ---------------------------------------------------------------- */

/* One line; the text is the callee's only during the call. It may not call the core. */
typedef void core_say(const char *text);

/* Every request of the program's that it has not ended, and every message of `comm` that it has not received. */
void requests_tell(core_say *say);
void messages_tell(const struct comm *comm, core_say *say);

/* ---- groups ------------------------------------------------------------------------------------- */

/* [lock] All of these make a group with one reference (or return the predefined empty one). */
int group_of_processes(int size, const uint32_t *processes, struct group **made);
int group_incl(const struct group *group, int n, const int *ranks, struct group **made);
int group_excl(const struct group *group, int n, const int *ranks, struct group **made);
/* A range is (first, last, stride), inclusive. ERR_ARG or ERR_RANK where it is not proper. */
int group_range_incl(const struct group *group, int n, const int (*ranges)[3], struct group **made);
int group_range_excl(const struct group *group, int n, const int (*ranges)[3], struct group **made);
int group_union(const struct group *a, const struct group *b, struct group **made);
int group_intersection(const struct group *a, const struct group *b, struct group **made);
int group_difference(const struct group *a, const struct group *b, struct group **made);
int group_translate(const struct group *from, int n, const int *ranks, const struct group *to,
                    int *translated);
int group_compare(const struct group *a, const struct group *b, int *result);
struct group *group_retain(struct group *group); /* [lock] */
void group_release(struct group *group);         /* [lock] */

/* ---- communicators ------------------------------------------------------------------------------ */

/* All of them make an inter-communicator of one, but for comm_create_group, which has no such form. */

/* Collective. The error handler and the attributes (by their copy functions) are duplicated too. */
int comm_dup(struct comm *comm, struct comm **made);
/* *made is there at once, but is a communicator when the request is complete. */
int comm_idup(struct comm *comm, struct comm **made, struct request **request);
/* Collective over `comm`; *made is NULL in a process that is not in `group` (for Comm_create) or whose colour is
 * UNDEFINED (for Comm_split). */
int comm_create(struct comm *comm, struct group *group, struct comm **made);
int comm_create_group(struct comm *comm, struct group *group, int tag, struct comm **made);
int comm_split(struct comm *comm, int color, int key, struct comm **made);
/* Ranks that share memory: MPI_COMM_TYPE_SHARED. */
int comm_split_node(struct comm *comm, int key, struct comm **made);
int comm_free(struct comm *comm);
/* The same once nothing is under way on it any more. [lock] */
int comm_disconnect(struct comm *comm);
/* Join two groups whose leaders can reach each other over `bridge`, which is looked at in the leaders only; `tag` tells
 * this from other joinings of theirs. */
int intercomm_create(struct comm *comm, int leader, struct comm *bridge, int remote_leader, int tag,
                     struct comm **made);
/* One communicator of both groups, of which the one that is not `high` comes first. */
int intercomm_merge(struct comm *comm, bool high, struct comm **made);
int comm_compare(const struct comm *a, const struct comm *b, int *result);

#endif
