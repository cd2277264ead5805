/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/scatter_linear.c: scatter, scatterv: the root sends to everyone, all at once. Scatter of short blocks may take the tree of
 * scatter_binomial.c.
 *
 * Cost: (p - 1) (alpha + n beta) at the root.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/inter.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

static int scatter(const struct blocks *all, const struct block *own, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error = 0, waited;

    if (comm->rank != root)
        return coll_recv(own->at, own->count, own->type, root, TAG_SCATTER, comm);
    requests = memory_get_raw((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size; i++) {
        struct block block = block_of(all, i);

        if (i != root)
            coll_offer_start(block.at, block.count, block.type, i, TAG_SCATTER, comm,
                             &requests[started++]);
    }
    if (own->at != IN_PLACE) { /* while the others receive */
        struct block from = block_of(all, root);

        error = own_block(&from, own, TAG_SCATTER, comm);
    }
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

int coll_scatter(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    size_t bytes = comm->rank == root ? send_count * send_type->size : recv_count * recv_type->size;
    struct blocks all = blocks_equal(send, send_count, send_type);
    struct block own = block_at(recv, recv_count, recv_type);

    if (unlikely(comm->remote))
        return inter_scatter(&all, &own, root, comm);
    if (comm->size > 1 && coll_choose(COLL_SCATTER, comm, bytes) == ALGORITHM_BINOMIAL)
        return scatter_binomial(send, send_count, send_type, recv, recv_count, recv_type, root,
                                comm);
    return scatter(&all, &own, root, comm);
}

int coll_scatterv(const void *send, const int *send_counts, const int *displacements,
                  struct datatype *send_type, void *recv, size_t recv_count,
                  struct datatype *recv_type, int root, struct comm *comm)
{
    struct blocks all = blocks_placed(send, send_counts, displacements, send_type);
    struct block own = block_at(recv, recv_count, recv_type);

    if (unlikely(comm->remote))
        return inter_scatter(&all, &own, root, comm);
    return scatter(&all, &own, root, comm);
}

int scatter_parts(const void *send, const int *counts, size_t each, struct datatype *type,
                  void *recv, struct comm *comm)
{
    struct block own = block_at(recv, counts ? (size_t)counts[comm->rank] : each, type);
    struct blocks all = blocks_equal(send, each, type);
    ptrdiff_t *addresses, at = 0;
    int error;

    if (!counts)
        return coll_scatter(send, each, type, recv, each, type, 0, comm);
    addresses = memory_get_raw((size_t)comm->size * sizeof(*addresses));
    for (int i = 0; i < comm->size; i++) {
        addresses[i] = at;
        at += counts[i] * type->extent;
    }
    all.counts = counts;
    all.addresses = addresses;
    error = scatter(&all, &own, 0, comm);
    free(addresses);
    return error;
}
