/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan.h: plans: what each collective operation appends to a schedule (schedule.h).
 *
 * Arguments are the standard's, as in coll.h; of arrays nothing is needed afterwards. An operation on an
 * inter-communicator is planned in plan_inter.c, from the plans for its two groups. Each returns 0 or an error class.
 */
#ifndef COLL_PLAN_H
#define COLL_PLAN_H

#include "mpi-shim/coll/blocks.h"
#include "mpi-shim/coll/schedule.h"

static inline void schedule_send_block(struct schedule *schedule, struct block block, int dest,
                                       struct comm *comm)
{
    schedule_send(schedule, block.at, block.count, block.type, dest, comm);
}

static inline void schedule_recv_block(struct schedule *schedule, struct block block, int source,
                                       struct comm *comm)
{
    schedule_recv(schedule, block.at, block.count, block.type, source, comm);
}

int plan_barrier(struct schedule *schedule, struct comm *comm);
int plan_bcast(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
               int root, struct comm *comm);
int plan_reduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                struct datatype *type, struct op *op, int root, struct comm *comm);
int plan_allreduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                   struct datatype *type, struct op *op, struct comm *comm);
int plan_gather(struct schedule *schedule, const void *send, size_t count, struct datatype *type,
                struct blocks recv, int root, struct comm *comm);
int plan_scatter(struct schedule *schedule, struct blocks send, void *recv, size_t count,
                 struct datatype *type, int root, struct comm *comm);
int plan_allgather(struct schedule *schedule, const void *send, size_t count, struct datatype *type,
                   struct blocks recv, struct comm *comm);
/* In place: send.base is IN_PLACE. */
int plan_alltoall(struct schedule *schedule, struct blocks send, struct blocks recv,
                  struct comm *comm);
/* Blocks of counts[i] elements, or (NULL) of `each`. */
int plan_reduce_scatter(struct schedule *schedule, const void *send, void *recv, const int *counts,
                        size_t each, struct datatype *type, struct op *op, struct comm *comm);
int plan_scan(struct schedule *schedule, const void *send, void *recv, size_t count,
              struct datatype *type, struct op *op, struct comm *comm);
int plan_exscan(struct schedule *schedule, const void *send, void *recv, size_t count,
                struct datatype *type, struct op *op, struct comm *comm);

/* With the neighbours of comm's topology (MPI 3.1 section 7.6); ERR_TOPOLOGY where it has none. */
int plan_neighbor_allgather(struct schedule *schedule, const void *send, size_t count,
                            struct datatype *type, struct blocks recv, struct comm *comm);
int plan_neighbor_alltoall(struct schedule *schedule, struct blocks send, struct blocks recv,
                           struct comm *comm);

#endif
