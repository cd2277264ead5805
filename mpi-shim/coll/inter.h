/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/inter.h: collective operations on inter-communicators, to which those of coll.h lead. Private to coll/.
 *
 * Gather, scatter and allgather have one form for blocks of one count and for counts and displacements, which are NULL
 * then.
 */
#ifndef COLL_INTER_H
#define COLL_INTER_H

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
int inter_gather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 size_t recv_count, const int *recv_counts, const int *displacements,
                 struct datatype *recv_type, int root, struct comm *comm);
int inter_scatter(const void *send, size_t send_count, const int *send_counts,
                  const int *displacements, struct datatype *send_type, void *recv,
                  size_t recv_count, struct datatype *recv_type, int root, struct comm *comm);
int inter_allgather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    size_t recv_count, const int *recv_counts, const int *displacements,
                    struct datatype *recv_type, struct comm *comm);
int inter_alltoall(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm);
int inter_alltoallv(const void *send, const int *send_counts, const int *send_displacements,
                    struct datatype *send_type, void *recv, const int *recv_counts,
                    const int *recv_displacements, struct datatype *recv_type, struct comm *comm);
int inter_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                    struct datatype *const *send_types, void *recv, const int *recv_counts,
                    const int *recv_displacements, struct datatype *const *recv_types,
                    struct comm *comm);

#endif
