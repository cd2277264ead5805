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

/* What the root gets, and where. */
struct gathered {
    char *at;
    const int *counts, *displacements; /* NULL: `count` of each, in a row */
    size_t count;
    struct datatype *type;
};

static char *place_of(const struct gathered *all, int rank)
{
    ptrdiff_t place = all->displacements ? all->displacements[rank] : (ptrdiff_t)all->count * rank;

    return all->at + place * all->type->extent;
}

static size_t count_of(const struct gathered *all, int rank)
{
    return all->counts ? (size_t)all->counts[rank] : all->count;
}

static int own_part(const void *send, size_t count, struct datatype *type,
                    const struct gathered *all, int root, struct comm *comm)
{
    return send == IN_PLACE ? 0
                            : own_block(send, count, type, place_of(all, root), count_of(all, root),
                                        all->type, TAG_GATHER, comm);
}

static int gather(const void *send, size_t send_count, struct datatype *send_type,
                  const struct gathered *all, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error = 0, waited;

    if (comm->rank != root)
        return coll_offer(send, send_count, send_type, root, TAG_GATHER, comm);
    if (comm->size == 2) {
        error = own_part(send, send_count, send_type, all, root, comm);
        waited = coll_recv(place_of(all, 1 - root), count_of(all, 1 - root), all->type, 1 - root,
                           TAG_GATHER, comm);
        return error ? error : waited;
    }
    requests = memory_get((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size && !error; i++)
        if (i != root)
            error = coll_recv_start(place_of(all, i), count_of(all, i), all->type, i, TAG_GATHER,
                                    comm, &requests[started++]);
    if (!error) /* while the others come to send */
        error = own_part(send, send_count, send_type, all, root, comm);
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
    return gather(send, send_count, send_type,
                  &(struct gathered){.at = recv, .count = recv_count, .type = recv_type}, root,
                  comm);
}

int coll_gatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 const int *recv_counts, const int *displacements, struct datatype *recv_type,
                 int root, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_gather(send, send_count, send_type, recv, 0, recv_counts, displacements,
                            recv_type, root, comm);
    return gather(send, send_count, send_type,
                  &(struct gathered){recv, recv_counts, displacements, 0, recv_type}, root, comm);
}
