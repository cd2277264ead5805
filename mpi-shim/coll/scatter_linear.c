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

static int scatter(const void *send, const int *counts, const int *displacements, size_t count,
                   struct datatype *send_type, void *recv, size_t recv_count,
                   struct datatype *recv_type, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error = 0, waited;
    const void *own = NULL;
    size_t own_count = 0;

    if (comm->rank != root)
        return coll_recv(recv, recv_count, recv_type, root, TAG_SCATTER, comm);
    requests = memory_get((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size && !error; i++) {
        ptrdiff_t place = displacements ? displacements[i] : (ptrdiff_t)count * i;
        const char *at = (const char *)send + place * send_type->extent;
        size_t elements = counts ? (size_t)counts[i] : count;

        if (i != root) {
            error = coll_offer_start(at, elements, send_type, i, TAG_SCATTER, comm,
                                     &requests[started++]);
        } else {
            own = at;
            own_count = elements;
        }
    }
    if (!error && recv != IN_PLACE) /* while the others receive */
        error = own_block(own, own_count, send_type, recv, recv_count, recv_type, TAG_SCATTER,
                          comm);
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

int coll_scatter(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    size_t bytes = comm->rank == root ? send_count * send_type->size : recv_count * recv_type->size;

    if (unlikely(comm->remote))
        return inter_scatter(send, send_count, NULL, NULL, send_type, recv, recv_count, recv_type,
                             root, comm);
    if (comm->size > 1 && coll_choose(COLL_SCATTER, comm, bytes) == ALGORITHM_BINOMIAL)
        return scatter_binomial(send, send_count, send_type, recv, recv_count, recv_type, root,
                                comm);
    return scatter(send, NULL, NULL, send_count, send_type, recv, recv_count, recv_type, root,
                   comm);
}

int coll_scatterv(const void *send, const int *send_counts, const int *displacements,
                  struct datatype *send_type, void *recv, size_t recv_count,
                  struct datatype *recv_type, int root, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_scatter(send, 0, send_counts, displacements, send_type, recv, recv_count,
                             recv_type, root, comm);
    return scatter(send, send_counts, displacements, 0, send_type, recv, recv_count, recv_type,
                   root, comm);
}
