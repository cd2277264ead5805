/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_linear.c: everyone sends its block to everyone else at once; no rank waits for another to pass one on. It is
 * sent from where the program has it, not from its place in the result: that was just written, and whoever reads it there takes every
 * line from this processor's cache.
 *
 * Cost: alpha + (p - 1) n beta, with p (p - 1) messages in all.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

/* The result: blocks of these counts at these displacements, or all alike. */
struct result {
    char *at;
    const int *counts, *displacements;
    size_t count;
    struct datatype *type;
};

static char *place_of(const struct result *result, int rank, size_t *count)
{
    ptrdiff_t first = result->displacements ? result->displacements[rank]
                                            : (ptrdiff_t)result->count * rank;

    *count = result->counts ? (size_t)result->counts[rank] : result->count;
    return result->at + first * result->type->extent;
}

/* Two ranks need no requests. */
static int exchange_with_other(const void *send, size_t count, struct datatype *type,
                               const struct result *result, struct comm *comm)
{
    size_t expected;
    char *at = place_of(result, !comm->rank, &expected);

    return coll_sendrecv(send, count, type, !comm->rank, at, expected, result->type, !comm->rank,
                         TAG_ALLGATHER, comm);
}

static int exchange_with_all(const void *send, size_t count, struct datatype *type,
                             const struct result *result, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get_raw(2 * (size_t)size * sizeof(struct request *));
    struct shared sent = shared_begin(send, count, type, comm);

    for (int i = 1; i < size && !error; i++) {
        int from = rank - i < 0 ? rank - i + size : rank - i;
        size_t expected;
        char *at = place_of(result, from, &expected);

        error = coll_recv_start(at, expected, result->type, from, TAG_ALLGATHER, comm,
                                &requests[started++]);
    }
    for (int i = 1; i < size && !error; i++) {
        int to = rank + i >= size ? rank + i - size : rank + i;

        error = (sent.copied ? coll_offer_start : coll_send_start)(
            sent.buffer, sent.count, sent.type, to, TAG_ALLGATHER, comm, &requests[started++]);
    }
    waited = coll_waitall(started, requests);
    shared_end(&sent);
    free(requests);
    return error ? error : waited;
}

int allgather_linear(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                     const int *counts, const int *displacements, size_t count,
                     struct datatype *type, struct comm *comm)
{
    struct result result = {recv, counts, displacements, count, type};
    size_t own_count;
    char *own = place_of(&result, comm->rank, &own_count);
    bool in_place = send == IN_PLACE;
    int error;

    if (in_place) {
        send = own;
        send_count = own_count;
        send_type = type;
    }
    error = (comm->size == 2 ? exchange_with_other : exchange_with_all)(send, send_count, send_type,
                                                                        &result, comm);
    if (!error && !in_place)
        error = own_block(send, send_count, send_type, own, own_count, type, TAG_ALLGATHER, comm);
    return error;
}
