/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/gather_linear.c: gather, gatherv: everyone sends to the root, which receives all at once. Gather of short blocks may take the tree of
 * gather_binomial.c. The root copies long blocks by itself, where it may: it would else wait for each sender's turn on a core (4 ranks on
 * 2 cores, 64 KiB: 24 us instead of 19; 8 ranks, 1 MiB: 540 instead of 400).
 *
 * Cost: alpha for most; (p - 1) n beta at the root.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/inter.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

static int own_part(const struct block *own, const struct blocks *all, struct comm *comm)
{
    struct block place = block_of(all, comm->rank);

    return own->at == IN_PLACE ? 0 : own_block(own, &place, TAG_GATHER, comm);
}

static int gather(const struct block *own, const struct blocks *all, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error, waited;

    if (comm->rank != root)
        return coll_offer(own->at, own->count, own->type, root, TAG_GATHER, comm);
    if (comm->size == 2) {
        struct block other = block_of(all, 1 - root);

        error = own_part(own, all, comm);
        waited = coll_recv(other.at, other.count, other.type, 1 - root, TAG_GATHER, comm);
        return error ? error : waited;
    }
    requests = memory_get_raw((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size; i++) {
        struct block block = block_of(all, i);

        if (i != root)
            coll_recv_start(block.at, block.count, block.type, i, TAG_GATHER, comm,
                            &requests[started++]);
    }
    error = own_part(own, all, comm); /* while the others come to send */
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

int coll_gather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    size_t bytes = comm->rank == root ? recv_count * recv_type->size : send_count * send_type->size;
    struct blocks all = blocks_equal(recv, recv_count, recv_type);
    struct block own = block_at(send, send_count, send_type);

    if (unlikely(comm->remote))
        return inter_gather(&own, &all, root, comm);
    if (comm->size > 1 && coll_choose(COLL_GATHER, comm, bytes) == ALGORITHM_BINOMIAL)
        return gather_binomial(send, send_count, send_type, recv, recv_count, recv_type, root,
                               comm);
    return gather(&own, &all, root, comm);
}

int coll_gatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 const int *recv_counts, const int *displacements, struct datatype *recv_type,
                 int root, struct comm *comm)
{
    struct blocks all = blocks_placed(recv, recv_counts, displacements, recv_type);
    struct block own = block_at(send, send_count, send_type);

    if (unlikely(comm->remote))
        return inter_gather(&own, &all, root, comm);
    return gather(&own, &all, root, comm);
}
