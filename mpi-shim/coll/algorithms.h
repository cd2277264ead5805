/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/algorithms.h: the algorithms between which an operation chooses. Private to coll/.
 */
#ifndef COLL_ALGORITHMS_H
#define COLL_ALGORITHMS_H

#include "mpi-shim/coll/blocks.h"
#include "mpi-shim/coll/choose.h"
#include "mpi-shim/coll/coll.h"
#include "mpi-shim/coll/nodes.h"
#include "mpi-shim/coll/tags.h"

int barrier_dissemination(const struct ranks *among, struct comm *comm);
int barrier_linear(struct comm *comm);
int barrier_nodes(struct comm *comm);

int bcast_binomial(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm);
int bcast_linear(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm);
int bcast_nodes(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm);
int bcast_scatter_allgather(void *buffer, size_t count, struct datatype *type, int root,
                            struct comm *comm);

/* The trees of some ranks, with the one at place `top` at the top: bcast_binomial.c, reduce_binomial.c. `result` has room in each;
 * an operation that does not commute wants the first at the top. */
int bcast_tree(void *buffer, size_t count, struct datatype *type, int top,
               const struct ranks *among, struct comm *comm);
int reduce_tree(const void *send, void *result, size_t count, struct datatype *type, struct op *op,
                int top, const struct ranks *among, struct comm *comm);

int reduce_binomial(const void *send, void *recv, size_t count, struct datatype *type,
                    struct op *op, int root, struct comm *comm);
int reduce_linear(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                  int root, struct comm *comm);
int reduce_nodes(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                 int root, struct comm *comm);
int reduce_pipelined(const void *send, void *recv, size_t count, struct datatype *type,
                     struct op *op, int root, struct comm *comm);

/* Of operands at `send`, or IN_PLACE. */
int allreduce_doubling(const void *send, void *buffer, size_t count, struct datatype *type,
                       struct op *op, const struct ranks *among, struct comm *comm);
int allreduce_exchange(const void *send, void *buffer, size_t count, struct datatype *type,
                       struct op *op, struct comm *comm);
int allreduce_nodes(const void *send, void *buffer, size_t count, struct datatype *type,
                    struct op *op, struct comm *comm);
int allreduce_linear(const void *send, void *buffer, size_t count, struct datatype *type,
                     struct op *op, struct comm *comm);
/* In place in `buffer`. */
int allreduce_halving(void *buffer, size_t count, struct datatype *type, struct op *op,
                      struct comm *comm);
int allreduce_ring(void *buffer, size_t count, struct datatype *type, struct op *op,
                   struct comm *comm);

/* This process's block is in its place. */
int allgather_ring(const struct blocks *result, struct comm *comm);
int allgather_bruck(void *recv, size_t count, struct datatype *type, struct comm *comm);

/* The same, and it puts this process's block in its place itself, unless that is IN_PLACE. */
int allgather_linear(const struct block *send, const struct blocks *result, struct comm *comm);

/* Blocks of one size in each direction; not in place. */
int alltoall_bruck(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm);

int gather_binomial(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    size_t recv_count, struct datatype *recv_type, int root, struct comm *comm);
int scatter_binomial(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                     size_t recv_count, struct datatype *recv_type, int root, struct comm *comm);

/* Each block has its count, or all have `each` where that is NULL. Rank 0 scatters blocks that lie one behind the other. */
int scatter_parts(const void *send, const int *counts, size_t each, struct datatype *type,
                  void *recv, struct comm *comm);
int reduce_scatter_linear(const void *send, void *recv, const int *counts, size_t each,
                          struct datatype *type, struct op *op, struct comm *comm);

#endif
