/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_barrier.c: dissemination, as barrier_dissemination.c.
 */
#include "mpi-shim/coll/plan_inter.h"

int plan_barrier(struct schedule *schedule, struct comm *comm)
{
    int size = comm->size, rank = comm->rank;

    if (comm->remote)
        return plan_inter_barrier(schedule, comm);
    for (int distance = 1; distance < size; distance <<= 1) {
        schedule_recv(schedule, NULL, 0, &datatype_bytes, (rank - distance + size) % size, comm);
        schedule_send(schedule, NULL, 0, &datatype_bytes, (rank + distance) % size, comm);
        schedule_round(schedule);
    }
    return 0;
}
