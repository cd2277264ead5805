/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_inter.h: plans for inter-communicators, to which those of plan.h lead. Private to coll/.
 */
#ifndef COLL_PLAN_INTER_H
#define COLL_PLAN_INTER_H

#include "mpi-shim/coll/plan.h"

int plan_inter_barrier(struct schedule *schedule, struct comm *comm);
int plan_inter_bcast(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                     int root, struct comm *comm);
int plan_inter_reduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                      struct datatype *type, struct op *op, int root, struct comm *comm);
int plan_inter_allreduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                         struct datatype *type, struct op *op, struct comm *comm);
int plan_inter_gather(struct schedule *schedule, const void *send, size_t count,
                      struct datatype *type, struct blocks recv, int root, struct comm *comm);
int plan_inter_scatter(struct schedule *schedule, struct blocks send, void *recv, size_t count,
                       struct datatype *type, int root, struct comm *comm);
int plan_inter_allgather(struct schedule *schedule, const void *send, size_t count,
                         struct datatype *type, struct blocks recv, struct comm *comm);
int plan_inter_alltoall(struct schedule *schedule, const struct blocks *send,
                        const struct blocks *recv, struct comm *comm);
/* `blocks` are those of the own group, `total` elements in all. */
int plan_inter_reduce_scatter(struct schedule *schedule, const void *send, void *recv,
                              struct blocks *blocks, size_t total, struct op *op,
                              struct comm *comm);

#endif
