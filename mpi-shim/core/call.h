/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/call.h: which collective call a message belongs to, so that ranks whose calls do not fit together are told.
 *
 * Every message of a collective call carries a word: the call, its root, its number on the communicator, and a hash of the
 * bytes where all ranks have as many. A receive compares the word with its own (but for the hash) and the length with what
 * it expects, for the standard makes them equal. What cannot be seen there is seen
 *   - at the end of a call, when a message of it (or of an earlier one) is left that nothing here receives: two roots, say;
 *   - by a rank that has waited for long: it asks the one that it waits for, once, and is told when that is in another
 *     call, or has left this one, whose messages have then all arrived.
 * Nonblocking calls have no number, but a tag of their own (coll/schedule.h); words and lengths are compared, nobody asks.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mpi-shim/core/match.h"

struct comm;
struct question;
struct message;
struct request;
struct waiting;

enum call {
    CALL_NONE,
    CALL_ALLGATHER,
    CALL_ALLGATHERV,
    CALL_ALLREDUCE,
    CALL_ALLTOALL,
    CALL_ALLTOALLV,
    CALL_ALLTOALLW,
    CALL_BARRIER,
    CALL_BCAST,
    CALL_CART_CREATE,
    CALL_CART_SUB,
    CALL_COMM_CREATE,
    CALL_COMM_DUP,
    CALL_COMM_SPLIT,
    CALL_DIST_GRAPH_CREATE,
    CALL_EXSCAN,
    CALL_GATHER,
    CALL_GATHERV,
    CALL_GRAPH_CREATE,
    CALL_INTERCOMM_CREATE,
    CALL_INTERCOMM_MERGE,
    CALL_NEIGHBOR_ALLGATHER,
    CALL_NEIGHBOR_ALLGATHERV,
    CALL_NEIGHBOR_ALLTOALL,
    CALL_NEIGHBOR_ALLTOALLV,
    CALL_NEIGHBOR_ALLTOALLW,
    CALL_REDUCE,
    CALL_REDUCE_SCATTER,
    CALL_REDUCE_SCATTER_BLOCK,
    CALL_SCAN,
    CALL_SCATTER,
    CALL_SCATTERV,
    CALLS,
};

/* What a communicator knows of the collective calls on it. Words of 0 say nothing. */
struct calls {
    uint64_t count;   /* made so far, in every process alike */
    uint64_t current; /* the word of the last one */
    uint64_t before;  /* and of the one before it */
    uint64_t
        sound; /* number of the first whose messages should all have been received: later than any that failed here */
    uint64_t
        seen; /* number of the call in which this process was seen waiting for another one last */
    uint32_t seen_process; /* that one */
    uint64_t asked;        /* number of the call in which this process has asked another one last */
    uint32_t asked_process; /* that one */
    bool inside;            /* the last call has not returned */
    bool more; /* there is more to entering and leaving: `pending`, or a group of its own */
    struct question *pending; /* of others, about calls that this process has not left */
};

/* From the lowest bits up: root, call, hash, number. A rank is never 2^23 calls ahead of one to which it sends: credit is used
 * up before, unless they are all calls of no bytes, which send nothing. */
enum {
    CALL_ROOT_BITS = 24,
    CALL_BITS = 6,
    CALL_BYTES_BITS = 10,
    CALL_NUMBER_SHIFT = CALL_ROOT_BITS + CALL_BITS + CALL_BYTES_BITS,
    CALL_ROOT_MASK = (1 << CALL_ROOT_BITS) - 1,
    CALL_MASK = (1 << CALL_BITS) - 1,
};
_Static_assert(CALLS <= 1 << CALL_BITS, "a call has no number");
#define CALL_BYTES_MASK                                                                            \
    (((UINT64_C(1) << CALL_BYTES_BITS) - 1) << (CALL_NUMBER_SHIFT - CALL_BYTES_BITS))

static inline uint64_t call_word(enum call call, int root, size_t bytes, uint64_t number)
{
    return number << CALL_NUMBER_SHIFT |
           (bytes * 0x9e3779b97f4a7c15u >> (64 - CALL_NUMBER_SHIFT) & CALL_BYTES_MASK) |
           (uint64_t)call << CALL_ROOT_BITS | ((uint32_t)root & CALL_ROOT_MASK);
}

/* `MPI_Bcast`, or "a collective call". */
const char *call_name(uint64_t word);

/* When there is more to entering and leaving than call_enter and call_leave of core.h do. */
void call_enter_slow(struct comm *comm, enum call call, int root);
int call_leave_slow(struct comm *comm, int error);
void questions_drop(struct calls *calls);

/* The class of error of a message with the word `said` where this process has `expected`; 0 where they fit. */
int call_compare(const struct comm *comm, uint64_t said, uint64_t expected);
/* Is it of a call that this process has yet to make? */
static inline bool call_is_later(uint64_t said, uint64_t expected)
{
    uint64_t ahead = (said >> CALL_NUMBER_SHIFT) - (expected >> CALL_NUMBER_SHIFT);

    return said && expected && (int64_t)(ahead << CALL_NUMBER_SHIFT) > 0;
}

/* That error, explained: `rank` said it. */
int call_explain(const struct comm *comm, int rank, uint64_t said, uint64_t expected);

/* The sender of a rendezvous that fits nothing here is told so. The message is still the caller's, and holds no data. */
void call_refuse(struct message *message, uint64_t word, bool in_handler);

/* A wait for a collective call ends at this time, to see whether it has lasted: ask then. */
extern uint64_t call_next_look;
void call_look(const struct waiting *waiting);
void call_handlers(void);

#endif
