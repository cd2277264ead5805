/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_inter.c: plans for inter-communicators (MPI 3.1 section 5.2.3): ranks name processes of the other group.
 *
 * What is reduced or broadcast crosses once, between the two ranks 0, and is collected and passed on within each group,
 * comm->local. Blocks go straight to where they belong. At a root, the others of its group name PROC_NULL and do nothing.
 */
#include "mpi-shim/coll/plan_inter.h"

int plan_inter_barrier(struct schedule *schedule, struct comm *comm)
{
    plan_barrier(schedule, comm->local);
    if (comm->rank == 0) {
        schedule_recv(schedule, NULL, 0, &datatype_bytes, 0, comm);
        schedule_send(schedule, NULL, 0, &datatype_bytes, 0, comm);
        schedule_round(schedule);
    }
    return plan_barrier(schedule, comm->local);
}

int plan_inter_bcast(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                     int root, struct comm *comm)
{
    if (root == PROC_NULL || count * type->size == 0)
        return 0;
    if (root == ROOT) {
        schedule_send(schedule, buffer, count, type, 0, comm);
        return 0;
    }
    if (comm->rank == 0) {
        schedule_recv(schedule, buffer, count, type, root, comm);
        schedule_round(schedule);
    }
    return plan_bcast(schedule, buffer, count, type, 0, comm->local);
}

int plan_inter_reduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                      struct datatype *type, struct op *op, int root, struct comm *comm)
{
    char *reduced;

    if (root == PROC_NULL || count == 0)
        return 0;
    if (root == ROOT) {
        schedule_recv(schedule, recv, count, type, 0, comm);
        return 0;
    }
    reduced = comm->rank == 0 ? schedule_scratch(schedule, count, type) : NULL;
    plan_reduce(schedule, send, reduced, count, type, op, 0, comm->local);
    if (comm->rank == 0)
        schedule_send(schedule, reduced, count, type, root, comm);
    return 0;
}

/* Rank 0 gets into `theirs` what the other group's data reduce to. */
static void reduce_across(struct schedule *schedule, const void *send, void *theirs, size_t count,
                          struct datatype *type, struct op *op, struct comm *comm)
{
    char *ours = comm->rank == 0 ? schedule_scratch(schedule, count, type) : NULL;

    plan_reduce(schedule, send, ours, count, type, op, 0, comm->local);
    if (comm->rank == 0) {
        schedule_recv(schedule, theirs, count, type, 0, comm);
        schedule_send(schedule, ours, count, type, 0, comm);
        schedule_round(schedule);
    }
}

int plan_inter_allreduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                         struct datatype *type, struct op *op, struct comm *comm)
{
    if (count == 0)
        return 0;
    reduce_across(schedule, send, recv, count, type, op, comm);
    return plan_bcast(schedule, recv, count, type, 0, comm->local);
}

int plan_inter_reduce_scatter(struct schedule *schedule, const void *send, void *recv,
                              struct blocks *blocks, size_t total, struct op *op, struct comm *comm)
{
    struct block own;

    if (total == 0)
        return 0;
    blocks->base = schedule_scratch(schedule, comm->rank == 0 ? total : 0, blocks->type);
    own = block_of(blocks, comm->rank);
    reduce_across(schedule, send, blocks->base, total, blocks->type, op, comm);
    return plan_scatter(schedule, *blocks, recv, own.count, own.type, 0, comm->local);
}

int plan_inter_gather(struct schedule *schedule, const void *send, size_t count,
                      struct datatype *type, struct blocks recv, int root, struct comm *comm)
{
    if (root == ROOT) {
        for (int i = 0; i < comm->peers; i++)
            schedule_recv_block(schedule, block_of(&recv, i), i, comm);
    } else if (root != PROC_NULL) {
        schedule_send(schedule, send, count, type, root, comm);
    }
    return 0;
}

int plan_inter_scatter(struct schedule *schedule, struct blocks send, void *recv, size_t count,
                       struct datatype *type, int root, struct comm *comm)
{
    if (root == ROOT) {
        for (int i = 0; i < comm->peers; i++)
            schedule_send_block(schedule, block_of(&send, i), i, comm);
    } else if (root != PROC_NULL) {
        schedule_recv(schedule, recv, count, type, root, comm);
    }
    return 0;
}

int plan_inter_allgather(struct schedule *schedule, const void *send, size_t count,
                         struct datatype *type, struct blocks recv, struct comm *comm)
{
    for (int i = 0; i < comm->peers; i++)
        schedule_recv_block(schedule, block_of(&recv, i), i, comm);
    for (int i = 0; i < comm->peers; i++)
        schedule_send(schedule, send, count, type, (comm->rank + i) % comm->peers, comm);
    return 0;
}

int plan_inter_alltoall(struct schedule *schedule, const struct blocks *send,
                        const struct blocks *recv, struct comm *comm)
{
    for (int i = 0; i < comm->peers; i++)
        schedule_recv_block(schedule, block_of(recv, i), i, comm);
    for (int i = 0; i < comm->peers; i++) {
        int to = (comm->rank + i) % comm->peers;

        schedule_send_block(schedule, block_of(send, to), to, comm);
    }
    return 0;
}
