/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather.c: allgather, allgatherv: put the own block in place and get the others'.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/inter.h"

/* Put this process's contribution in its place. */
static int place_own(const void *send, size_t send_count, struct datatype *send_type, char *at,
                     size_t count, struct datatype *type, struct comm *comm)
{
    if (send == IN_PLACE)
        return 0;
    return own_block(send, send_count, send_type, at, count, type, TAG_ALLGATHER, comm);
}

int coll_allgather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm)
{
    enum coll_algorithm algorithm;
    char *own;
    int error;

    if (unlikely(comm->remote))
        return inter_allgather(send, send_count, send_type, recv, recv_count, NULL, NULL, recv_type,
                               comm);
    algorithm = coll_choose(COLL_ALLGATHER, comm, recv_count * recv_type->size);
    if (comm->size > 1 && algorithm == ALGORITHM_LINEAR)
        return allgather_linear(send, send_count, send_type, recv, NULL, NULL, recv_count,
                                recv_type, comm);
    own = (char *)recv + (ptrdiff_t)recv_count * comm->rank * recv_type->extent;
    error = place_own(send, send_count, send_type, own, recv_count, recv_type, comm);
    if (error || comm->size == 1)
        return error;
    if (algorithm == ALGORITHM_BRUCK)
        return allgather_bruck(recv, recv_count, recv_type, comm);
    return allgather_ring(recv, NULL, NULL, recv_count, recv_type, comm);
}

int coll_allgatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    const int *recv_counts, const int *displacements, struct datatype *recv_type,
                    struct comm *comm)
{
    size_t total = 0;
    char *own;
    int error;

    if (unlikely(comm->remote))
        return inter_allgather(send, send_count, send_type, recv, 0, recv_counts, displacements,
                               recv_type, comm);
    /* All ranks know all counts. */
    for (int i = 0; i < comm->size; i++)
        total += (size_t)recv_counts[i];
    if (comm->size > 1 &&
        coll_choose(COLL_ALLGATHERV, comm, total * recv_type->size / (size_t)comm->size) ==
            ALGORITHM_LINEAR)
        return allgather_linear(send, send_count, send_type, recv, recv_counts, displacements, 0,
                                recv_type, comm);
    own = (char *)recv + (ptrdiff_t)displacements[comm->rank] * recv_type->extent;
    error = place_own(send, send_count, send_type, own, (size_t)recv_counts[comm->rank], recv_type,
                      comm);
    if (error || comm->size == 1)
        return error;
    return allgather_ring(recv, recv_counts, displacements, 0, recv_type, comm);
}
