/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/barrier.c: barrier.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

int coll_barrier(struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_barrier(comm);
    if (comm->size == 1)
        return 0;
    if (coll_choose(COLL_BARRIER, comm, 0) == ALGORITHM_LINEAR)
        return barrier_linear(comm);
    return barrier_dissemination(comm);
}
