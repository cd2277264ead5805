/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather.c: allgather, allgatherv: put the own block in place and get the others'.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/inter.h"

/* Put this process's contribution in its place. */
static int place_own(const struct block *own, const struct blocks *result, struct comm *comm)
{
    struct block place = block_of(result, comm->rank);

    return own->at == IN_PLACE ? 0 : own_block(own, &place, TAG_ALLGATHER, comm);
}

int coll_allgather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm)
{
    struct blocks result = blocks_equal(recv, recv_count, recv_type);
    struct block own = block_at(send, send_count, send_type);
    enum coll_algorithm algorithm;
    int error;

    if (unlikely(comm->remote))
        return inter_allgather(&own, &result, comm);
    algorithm = coll_choose(COLL_ALLGATHER, comm, recv_count * recv_type->size);
    if (comm->size > 1 && algorithm == ALGORITHM_LINEAR)
        return allgather_linear(&own, &result, comm);
    error = place_own(&own, &result, comm);
    if (error || comm->size == 1)
        return error;
    if (algorithm == ALGORITHM_BRUCK)
        return allgather_bruck(recv, recv_count, recv_type, comm);
    return allgather_ring(&result, comm);
}

int coll_allgatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    const int *recv_counts, const int *displacements, struct datatype *recv_type,
                    struct comm *comm)
{
    struct blocks result = blocks_placed(recv, recv_counts, displacements, recv_type);
    struct block own = block_at(send, send_count, send_type);
    size_t total = 0;
    int error;

    if (unlikely(comm->remote))
        return inter_allgather(&own, &result, comm);
    /* All ranks know all counts. */
    for (int i = 0; i < comm->size; i++)
        total += (size_t)recv_counts[i];
    if (comm->size > 1 &&
        coll_choose(COLL_ALLGATHERV, comm, total * recv_type->size / (size_t)comm->size) ==
            ALGORITHM_LINEAR)
        return allgather_linear(&own, &result, comm);
    error = place_own(&own, &result, comm);
    if (error || comm->size == 1)
        return error;
    return allgather_ring(&result, comm);
}
