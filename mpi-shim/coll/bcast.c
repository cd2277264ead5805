/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast.c: broadcast. The choice goes by the bytes, which are the same everywhere; counts and types need not be.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

int coll_bcast(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    size_t bytes = count * type->size;

    if (unlikely(comm->remote))
        return inter_bcast(buffer, count, type, root, comm);
    if (bytes == 0 || comm->size == 1)
        return 0;
    switch (coll_choose(COLL_BCAST, comm, bytes)) {
    case ALGORITHM_LINEAR:
        return bcast_linear(buffer, count, type, root, comm);
    case ALGORITHM_NODES:
        return bcast_nodes(buffer, count, type, root, comm);
    case ALGORITHM_SCATTER_ALLGATHER:
        return bcast_scatter_allgather(buffer, count, type, root, comm);
    default:
        return bcast_binomial(buffer, count, type, root, comm);
    }
}
