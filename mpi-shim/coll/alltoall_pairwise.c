/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/alltoall_pairwise.c: alltoall, alltoallv, alltoallw: in round k everyone sends to the one k further and receives from
 * the one k before, so that nobody is sent to by many at once. In place, two processes exchange and each keeps a copy.
 * With "linear" the rounds do not wait for each other. Alltoall of short blocks may take alltoall_bruck.c.
 *
 * Cost: (p - 1) (alpha + n beta); linear saves most of the alphas.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/inter.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

/* How the blocks of one side lie. Byte displacements and types of their own for alltoallw. */
struct blocks {
    char *base;
    size_t count;
    struct datatype *type;
    const int *counts;
    const int *displacements;
    struct datatype *const *types;
};

static char *block_at(const struct blocks *blocks, int rank, size_t *count, struct datatype **type)
{
    *count = blocks->counts ? (size_t)blocks->counts[rank] : blocks->count;
    *type = blocks->types ? blocks->types[rank] : blocks->type;
    if (blocks->types)
        return blocks->base + blocks->displacements[rank];
    if (blocks->displacements)
        return blocks->base + (ptrdiff_t)blocks->displacements[rank] * blocks->type->extent;
    return blocks->base + (ptrdiff_t)blocks->count * rank * blocks->type->extent;
}

/* Exchange block for block with each other process; both must come to each other in the same round. */
static int exchange_in_place(const struct blocks *blocks, struct comm *comm)
{
    int size = comm->size, error = 0;

    for (int round = 0; round < size && !error; round++) {
        int peer = (round - comm->rank + size) % size;
        struct datatype *type;
        size_t count;
        char *at = block_at(blocks, peer, &count, &type);

        if (peer != comm->rank)
            error = coll_sendrecv_replace(at, count, type, peer, TAG_ALLTOALL, comm);
    }
    return error;
}

/* What a process gives to itself. */
static int exchange_own(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    struct datatype *send_type, *recv_type;
    size_t send_count, recv_count;
    char *out = block_at(send, comm->rank, &send_count, &send_type);
    char *in = block_at(recv, comm->rank, &recv_count, &recv_type);

    return own_block(out, send_count, send_type, in, recv_count, recv_type, TAG_ALLTOALL, comm);
}

static int exchange_at_once(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get(2 * (size_t)size * sizeof(struct request *));
    struct datatype *type;
    size_t count;

    for (int round = 1; round < size && !error; round++) {
        int from = rank - round < 0 ? rank - round + size : rank - round;
        char *at = block_at(recv, from, &count, &type);

        error = coll_recv_start(at, count, type, from, TAG_ALLTOALL, comm, &requests[started++]);
    }
    for (int round = 1; round < size && !error; round++) {
        int to = rank + round >= size ? rank + round - size : rank + round;
        char *at = block_at(send, to, &count, &type);

        error = coll_send_start(at, count, type, to, TAG_ALLTOALL, comm, &requests[started++]);
    }
    if (!error)
        error = exchange_own(send, recv, comm);
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

static int exchange(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, error = 0;
    int own = exchange_own(send, recv, comm); /* the others wait for their parts all the same */

    for (int round = 1; round < size && !error; round++) {
        int to = comm->rank + round, from = comm->rank - round;
        struct datatype *send_type, *recv_type;
        size_t send_count, recv_count;
        char *out, *in;

        to = to >= size ? to - size : to;
        from = from < 0 ? from + size : from;
        out = block_at(send, to, &send_count, &send_type);
        in = block_at(recv, from, &recv_count, &recv_type);
        error = coll_sendrecv(out, send_count, send_type, to, in, recv_count, recv_type, from,
                              TAG_ALLTOALL, comm);
    }
    return own ? own : error;
}

int coll_alltoall(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                  size_t recv_count, struct datatype *recv_type, struct comm *comm)
{
    struct blocks out = {.base = (char *)(uintptr_t)send, .count = send_count, .type = send_type};
    struct blocks in = {.base = recv, .count = recv_count, .type = recv_type};

    if (unlikely(comm->remote))
        return inter_alltoall(send, send_count, send_type, recv, recv_count, recv_type, comm);
    if (send == IN_PLACE)
        return exchange_in_place(&in, comm);
    switch (coll_choose(COLL_ALLTOALL, comm, recv_count * recv_type->size)) {
    case ALGORITHM_BRUCK:
        return alltoall_bruck(send, send_count, send_type, recv, recv_count, recv_type, comm);
    case ALGORITHM_LINEAR:
        return exchange_at_once(&out, &in, comm);
    default:
        return exchange(&out, &in, comm);
    }
}

/* Nobody knows the sizes of all blocks: the choice is by ranks alone, and Bruck's algorithm is none of them. */
static int exchange_varying(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    if (coll_choose(COLL_ALLTOALL, comm, 0) == ALGORITHM_LINEAR)
        return exchange_at_once(send, recv, comm);
    return exchange(send, recv, comm);
}

int coll_alltoallv(const void *send, const int *send_counts, const int *send_displacements,
                   struct datatype *send_type, void *recv, const int *recv_counts,
                   const int *recv_displacements, struct datatype *recv_type, struct comm *comm)
{
    struct blocks out = {.base = (char *)(uintptr_t)send,
                         .type = send_type,
                         .counts = send_counts,
                         .displacements = send_displacements};
    struct blocks in = {.base = recv,
                        .type = recv_type,
                        .counts = recv_counts,
                        .displacements = recv_displacements};

    if (unlikely(comm->remote))
        return inter_alltoallv(send, send_counts, send_displacements, send_type, recv, recv_counts,
                               recv_displacements, recv_type, comm);
    return send == IN_PLACE ? exchange_in_place(&in, comm) : exchange_varying(&out, &in, comm);
}

int coll_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                   struct datatype *const *send_types, void *recv, const int *recv_counts,
                   const int *recv_displacements, struct datatype *const *recv_types,
                   struct comm *comm)
{
    struct blocks out = {.base = (char *)(uintptr_t)send,
                         .types = send_types,
                         .counts = send_counts,
                         .displacements = send_displacements};
    struct blocks in = {.base = recv,
                        .types = recv_types,
                        .counts = recv_counts,
                        .displacements = recv_displacements};

    if (unlikely(comm->remote))
        return inter_alltoallw(send, send_counts, send_displacements, send_types, recv, recv_counts,
                               recv_displacements, recv_types, comm);
    return send == IN_PLACE ? exchange_in_place(&in, comm) : exchange_varying(&out, &in, comm);
}
