/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_neighbor.c: neighbourhood collectives (MPI 3.1 section 7.6): a message along each edge, all at once.
 *
 * Between two processes with several edges, messages are matched in the order of the lists. A grid with a periodic
 * dimension of one or two processes has the same neighbour on both sides: what is sent down arrives there from above, so the
 * receives of a dimension are posted the other way round.
 */
#include "mpi-shim/coll/plan.h"
#include "mpi-shim/topo/topo.h"

int plan_neighbor_alltoall(struct schedule *schedule, struct blocks send, struct blocks recv,
                           struct comm *comm)
{
    const int *source, *destination;
    int sources, destinations, flip = topology_kind(comm) == TOPOLOGY_CART;
    int error = topology_neighbours(comm, &sources, &source, &destinations, &destination);

    for (int i = 0; i < sources && !error; i++) {
        int from = i ^ flip;

        if (source[from] != PROC_NULL)
            schedule_recv_block(schedule, block_of(&recv, from), source[from], comm);
    }
    for (int i = 0; i < destinations && !error; i++) {
        if (destination[i] != PROC_NULL)
            schedule_send_block(schedule, block_of(&send, i), destination[i], comm);
    }
    return error;
}

int plan_neighbor_allgather(struct schedule *schedule, const void *send, size_t count,
                            struct datatype *type, struct blocks recv, struct comm *comm)
{
    const int *source, *destination;
    int sources, destinations;
    int error = topology_neighbours(comm, &sources, &source, &destinations, &destination);

    for (int i = 0; i < sources && !error; i++) {
        if (source[i] != PROC_NULL)
            schedule_recv_block(schedule, block_of(&recv, i), source[i], comm);
    }
    for (int i = 0; i < destinations && !error; i++) {
        if (destination[i] != PROC_NULL)
            schedule_send(schedule, send, count, type, destination[i], comm);
    }
    return error;
}
