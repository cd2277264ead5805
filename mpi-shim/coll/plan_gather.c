/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_gather.c: gather, gatherv, scatter, scatterv: between the root and everyone, all at once.
 */
#include "mpi-shim/coll/plan_inter.h"

int plan_gather(struct schedule *schedule, const void *send, size_t count, struct datatype *type,
                struct blocks recv, int root, struct comm *comm)
{
    if (comm->remote)
        return plan_inter_gather(schedule, send, count, type, recv, root, comm);
    if (comm->rank != root) {
        schedule_send(schedule, send, count, type, root, comm);
        return 0;
    }
    for (int i = 0; i < comm->size; i++) {
        struct block block = block_of(&recv, i);

        if (i != root)
            schedule_recv_block(schedule, block, i, comm);
        else if (send != IN_PLACE)
            schedule_copy(schedule, send, count, type, block.at, block.count, block.type);
    }
    return 0;
}

int plan_scatter(struct schedule *schedule, struct blocks send, void *recv, size_t count,
                 struct datatype *type, int root, struct comm *comm)
{
    if (comm->remote)
        return plan_inter_scatter(schedule, send, recv, count, type, root, comm);
    if (comm->rank != root) {
        schedule_recv(schedule, recv, count, type, root, comm);
        return 0;
    }
    for (int i = 0; i < comm->size; i++) {
        struct block block = block_of(&send, i);

        if (i != root)
            schedule_send_block(schedule, block, i, comm);
        else if (recv != IN_PLACE)
            schedule_copy(schedule, block.at, block.count, block.type, recv, count, type);
    }
    return 0;
}
