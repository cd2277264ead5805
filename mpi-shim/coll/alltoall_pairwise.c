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

/* Exchange block for block with each other process; both must come to each other in the same round. */
static int exchange_in_place(const struct blocks *blocks, struct comm *comm)
{
    int size = comm->size, error = 0;

    for (int round = 0; round < size && !error; round++) {
        int peer = (round - comm->rank + size) % size;
        struct block block = block_of(blocks, peer);

        if (peer != comm->rank)
            error = coll_sendrecv_replace(block.at, block.count, block.type, peer, TAG_ALLTOALL,
                                          comm);
    }
    return error;
}

/* What a process gives to itself. */
static int exchange_own(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    struct block from = block_of(send, comm->rank), to = block_of(recv, comm->rank);

    return own_block(&from, &to, TAG_ALLTOALL, comm);
}

static int exchange_at_once(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error, waited;
    struct request **requests = memory_get_raw(2 * (size_t)size * sizeof(struct request *));

    for (int round = 1; round < size; round++) {
        int from = rank - round < 0 ? rank - round + size : rank - round;
        struct block in = block_of(recv, from);

        coll_recv_start(in.at, in.count, in.type, from, TAG_ALLTOALL, comm, &requests[started++]);
    }
    for (int round = 1; round < size; round++) {
        int to = rank + round >= size ? rank + round - size : rank + round;
        struct block out = block_of(send, to);

        coll_send_start(out.at, out.count, out.type, to, TAG_ALLTOALL, comm, &requests[started++]);
    }
    error = exchange_own(send, recv, comm);
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

static int exchange_two(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    struct block out = block_of(send, !comm->rank), in = block_of(recv, !comm->rank);
    struct block from = block_of(send, comm->rank), to = block_of(recv, comm->rank);

    return exchange_with_other(&out, &in, &from, &to, TAG_ALLTOALL, comm);
}

static int exchange(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, error = 0, own;

    if (size == 2)
        return exchange_two(send, recv, comm);
    own = exchange_own(send, recv, comm); /* the others wait for their parts all the same */
    for (int round = 1; round < size && !error; round++) {
        int to = rank + round >= size ? rank + round - size : rank + round;
        int from = rank - round < 0 ? rank - round + size : rank - round;
        struct block out = block_of(send, to), in = block_of(recv, from);

        error = coll_sendrecv(out.at, out.count, out.type, to, in.at, in.count, in.type, from,
                              TAG_ALLTOALL, comm);
    }
    return own ? own : error;
}

int coll_alltoall(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                  size_t recv_count, struct datatype *recv_type, struct comm *comm)
{
    struct blocks out = blocks_equal(send, send_count, send_type);
    struct blocks in = blocks_equal(recv, recv_count, recv_type);

    if (unlikely(comm->remote))
        return inter_alltoall(&out, &in, comm);
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
    struct blocks out = blocks_placed(send, send_counts, send_displacements, send_type);
    struct blocks in = blocks_placed(recv, recv_counts, recv_displacements, recv_type);

    if (unlikely(comm->remote))
        return inter_alltoall(&out, &in, comm);
    return send == IN_PLACE ? exchange_in_place(&in, comm) : exchange_varying(&out, &in, comm);
}

int coll_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                   struct datatype *const *send_types, void *recv, const int *recv_counts,
                   const int *recv_displacements, struct datatype *const *recv_types,
                   struct comm *comm)
{
    struct blocks out = blocks_typed(send, send_counts, send_displacements, send_types);
    struct blocks in = blocks_typed(recv, recv_counts, recv_displacements, recv_types);

    if (unlikely(comm->remote))
        return inter_alltoall(&out, &in, comm);
    return send == IN_PLACE ? exchange_in_place(&in, comm) : exchange_varying(&out, &in, comm);
}
