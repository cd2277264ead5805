/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/inter.h: collective operations on inter-communicators, to which those of coll.h lead. Private to coll/.
 */
#ifndef COLL_INTER_H
#define COLL_INTER_H

#include "mpi-shim/coll/blocks.h"
#include "mpi-shim/coll/coll.h"

int inter_barrier(struct comm *comm);
int inter_bcast(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm);
int inter_reduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                 int root, struct comm *comm);
int inter_allreduce(const void *send, void *recv, size_t count, struct datatype *type,
                    struct op *op, struct comm *comm);
int inter_reduce_scatter(const void *send, void *recv, const int *counts, struct datatype *type,
                         struct op *op, struct comm *comm);
int inter_reduce_scatter_block(const void *send, void *recv, size_t count, struct datatype *type,
                               struct op *op, struct comm *comm);
int inter_gather(const struct block *send, const struct blocks *recv, int root, struct comm *comm);
int inter_scatter(const struct blocks *send, const struct block *recv, int root, struct comm *comm);
int inter_allgather(const struct block *send, const struct blocks *recv, struct comm *comm);
/* All three forms. */
int inter_alltoall(const struct blocks *send, const struct blocks *recv, struct comm *comm);

#endif
