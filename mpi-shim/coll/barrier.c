/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier.c: barrier.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

int coll_barrier(struct comm *comm)
{
    struct ranks all;

    if (unlikely(comm->remote))
        return inter_barrier(comm);
    if (comm->size == 1)
        return 0;
    switch (coll_choose(COLL_BARRIER, comm, 0)) {
    case ALGORITHM_LINEAR:
        return barrier_linear(comm);
    case ALGORITHM_NODES:
        return barrier_nodes(comm);
    default:
        all = ranks_all(comm);
        return barrier_dissemination(&all, comm);
    }
}
