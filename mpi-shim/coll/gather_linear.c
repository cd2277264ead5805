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

static int gather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                  const int *counts, const int *displacements, size_t count,
                  struct datatype *recv_type, int root, struct comm *comm)
{
    struct own {
        char *at;
        size_t count;
    } own = {0};
    struct request **requests, *sent;
    int started = 0, error = 0, waited;

    if (comm->rank != root) {
        error = coll_offer_start(send, send_count, send_type, root, TAG_GATHER, comm, &sent);
        return error ? error : coll_waitall(1, &sent);
    }
    requests = memory_get((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size && !error; i++) {
        ptrdiff_t place = displacements ? displacements[i] : (ptrdiff_t)count * i;
        char *at = (char *)recv + place * recv_type->extent;
        size_t elements = counts ? (size_t)counts[i] : count;

        if (i != root)
            error = coll_recv_start(at, elements, recv_type, i, TAG_GATHER, comm,
                                    &requests[started++]);
        else
            own = (struct own){at, elements};
    }
    if (!error && send != IN_PLACE) /* while the others come to send */
        error = own_block(send, send_count, send_type, own.at, own.count, recv_type, TAG_GATHER,
                          comm);
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}

int coll_gather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    size_t bytes = comm->rank == root ? recv_count * recv_type->size : send_count * send_type->size;

    if (unlikely(comm->remote))
        return inter_gather(send, send_count, send_type, recv, recv_count, NULL, NULL, recv_type,
                            root, comm);
    if (comm->size > 1 && coll_choose(COLL_GATHER, comm, bytes) == ALGORITHM_BINOMIAL)
        return gather_binomial(send, send_count, send_type, recv, recv_count, recv_type, root,
                               comm);
    return gather(send, send_count, send_type, recv, NULL, NULL, recv_count, recv_type, root, comm);
}

int coll_gatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 const int *recv_counts, const int *displacements, struct datatype *recv_type,
                 int root, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_gather(send, send_count, send_type, recv, 0, recv_counts, displacements,
                            recv_type, root, comm);
    return gather(send, send_count, send_type, recv, recv_counts, displacements, 0, recv_type, root,
                  comm);
}
