/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan.h: plans: what each collective operation appends to a schedule (schedule.h).
 *
 * Arguments are the standard's, as in coll.h; of arrays nothing is needed afterwards. An operation on an
 * inter-communicator is planned in plan_inter.c, from the plans for its two groups. Each returns 0 or an error class.
 */
#ifndef COLL_PLAN_H
#define COLL_PLAN_H

#include "mpi-shim/coll/schedule.h"

/* How the blocks of a buffer lie, one for each process or neighbour. */
struct blocks {
    char *base;
    size_t count;                  /* of each, one behind the other; or */
    const int *counts;             /* of block i, which begins */
    const int *displacements;      /* so many extents behind `base`; with `types`, bytes */
    const ptrdiff_t *addresses;    /* or so many bytes */
    struct datatype *type;         /* of all, or */
    struct datatype *const *types; /* of block i */
};

static inline struct blocks blocks_equal(const void *base, int count, struct datatype *type)
{
    return (struct blocks){.base = (char *)(uintptr_t)base, .count = (size_t)count, .type = type};
}

static inline struct blocks blocks_placed(const void *base, const int *counts,
                                          const int *displacements, struct datatype *type)
{
    return (struct blocks){.base = (char *)(uintptr_t)base,
                           .counts = counts,
                           .displacements = displacements,
                           .type = type};
}

static inline struct blocks blocks_typed(const void *base, const int *counts,
                                         const int *displacements, struct datatype *const *types)
{
    return (struct blocks){.base = (char *)(uintptr_t)base,
                           .counts = counts,
                           .displacements = displacements,
                           .types = types};
}

static inline struct blocks blocks_addressed(const void *base, const int *counts,
                                             const ptrdiff_t *addresses,
                                             struct datatype *const *types)
{
    return (struct blocks){
        .base = (char *)(uintptr_t)base, .counts = counts, .addresses = addresses, .types = types};
}

/* One of them. */
struct block {
    char *at;
    size_t count;
    struct datatype *type;
};

static inline struct block block_of(const struct blocks *blocks, int i)
{
    struct block block = {.at = blocks->base,
                          .count = blocks->counts ? (size_t)blocks->counts[i] : blocks->count,
                          .type = blocks->types ? blocks->types[i] : blocks->type};

    if (blocks->addresses)
        block.at += blocks->addresses[i];
    else if (blocks->types)
        block.at += blocks->displacements[i];
    else if (blocks->displacements)
        block.at += blocks->displacements[i] * block.type->extent;
    else
        block.at += (ptrdiff_t)block.count * i * block.type->extent;
    return block;
}

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
