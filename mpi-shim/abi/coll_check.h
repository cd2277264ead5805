/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll_check.h: what one process can know of a collective operation's arguments.
 *
 * A buffer of MPI_IN_PLACE stands for another one, so its count and type do not matter; arguments that matter at the root
 * only are looked at there only. Each returns 0, or an error class with its explanation.
 */
#ifndef CARAVAN_ABI_COLL_CHECK_H
#define CARAVAN_ABI_COLL_CHECK_H

#include "check.h"

int check_barrier(MPI_Comm comm);
int check_bcast(const void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm);
int check_reduce(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
                 int root, MPI_Comm comm);
int check_allreduce(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
                    MPI_Comm comm);
int check_scan(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
               MPI_Comm comm);
int check_gather(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                 int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm);
int check_gatherv(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                  const int *recv_counts, const int *displacements, MPI_Datatype recv_type,
                  int root, MPI_Comm comm);
int check_scatter(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                  int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm);
int check_scatterv(const void *send, const int *send_counts, const int *displacements,
                   MPI_Datatype send_type, const void *recv, int recv_count, MPI_Datatype recv_type,
                   int root, MPI_Comm comm);
/* Alltoall too. */
int check_allgather(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                    int recv_count, MPI_Datatype recv_type, MPI_Comm comm);
int check_allgatherv(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                     const int *recv_counts, const int *displacements, MPI_Datatype recv_type,
                     MPI_Comm comm);
int check_alltoallv(const void *send, const int *send_counts, const int *send_displacements,
                    MPI_Datatype send_type, const void *recv, const int *recv_counts,
                    const int *recv_displacements, MPI_Datatype recv_type, MPI_Comm comm);
int check_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                    const MPI_Datatype *send_types, const void *recv, const int *recv_counts,
                    const int *recv_displacements, const MPI_Datatype *recv_types, MPI_Comm comm);
int check_reduce_scatter(const void *send, const void *recv, const int *counts, MPI_Datatype type,
                         MPI_Op op, MPI_Comm comm);

/* With neighbours: the communicator has a topology, nothing is in place. */
int check_neighbor(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                   int recv_count, MPI_Datatype recv_type, MPI_Comm comm);
int check_neighbor_allgatherv(const void *send, int send_count, MPI_Datatype send_type,
                              const void *recv, const int *recv_counts, const int *displacements,
                              MPI_Datatype recv_type, MPI_Comm comm);
int check_neighbor_alltoallv(const void *send, const int *send_counts,
                             const int *send_displacements, MPI_Datatype send_type,
                             const void *recv, const int *recv_counts,
                             const int *recv_displacements, MPI_Datatype recv_type, MPI_Comm comm);
int check_neighbor_alltoallw(const void *send, const int *send_counts,
                             const MPI_Aint *send_displacements, const MPI_Datatype *send_types,
                             const void *recv, const int *recv_counts,
                             const MPI_Aint *recv_displacements, const MPI_Datatype *recv_types,
                             MPI_Comm comm);

#endif
