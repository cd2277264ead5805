/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/coll.h: collective operations.
 *
 * Arguments are the standard's, checked by the face as far as one process can; IN_PLACE is accepted where the
 * standard allows it. Each chooses an algorithm by size and ranks (coll/choose.c); each algorithm has a file. Messages travel on the
 * communicator's collective context.
 */
#ifndef COLL_COLL_H
#define COLL_COLL_H

#include "mpi-shim/core/core.h"

/* Read CARAVAN_COLL (coll/choose.c). Ends the job on a mistake in it. */
void coll_configure(void);

int coll_barrier(struct comm *comm);
int coll_bcast(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm);
int coll_reduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                int root, struct comm *comm);
int coll_allreduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                   struct comm *comm);
int coll_gather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                size_t recv_count, struct datatype *recv_type, int root, struct comm *comm);
int coll_gatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 const int *recv_counts, const int *displacements, struct datatype *recv_type,
                 int root, struct comm *comm);
int coll_allgather(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm);
int coll_allgatherv(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    const int *recv_counts, const int *displacements, struct datatype *recv_type,
                    struct comm *comm);
int coll_scatter(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                 size_t recv_count, struct datatype *recv_type, int root, struct comm *comm);
int coll_alltoall(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                  size_t recv_count, struct datatype *recv_type, struct comm *comm);
int coll_scatterv(const void *send, const int *send_counts, const int *displacements,
                  struct datatype *send_type, void *recv, size_t recv_count,
                  struct datatype *recv_type, int root, struct comm *comm);
int coll_alltoallv(const void *send, const int *send_counts, const int *send_displacements,
                   struct datatype *send_type, void *recv, const int *recv_counts,
                   const int *recv_displacements, struct datatype *recv_type, struct comm *comm);
int coll_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                   struct datatype *const *send_types, void *recv, const int *recv_counts,
                   const int *recv_displacements, struct datatype *const *recv_types,
                   struct comm *comm);
int coll_scan(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
              struct comm *comm);
int coll_exscan(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                struct comm *comm);
int coll_reduce_scatter(const void *send, void *recv, const int *counts, struct datatype *type,
                        struct op *op, struct comm *comm);
int coll_reduce_scatter_block(const void *send, void *recv, size_t count, struct datatype *type,
                              struct op *op, struct comm *comm);

#endif
