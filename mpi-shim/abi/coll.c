/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll.c: collective operations (MPI 3.1 chapter 5). The others are in coll_schedule.c.
 */
#include "mpi-shim/coll/coll.h"

#include "coll_check.h"

/* As FINISH_COMM; who asks what this process waits for is told this call's name. */
#define FINISH_COLLECTIVE(comm, result)                                                            \
    do {                                                                                           \
        (comm)->call = CALL;                                                                       \
        FINISH_COMM(comm, result);                                                                 \
    } while (0)

#define CHECK(comm, check)                                                                         \
    do {                                                                                           \
        int check_error_ = (check);                                                                \
        if (unlikely(check_error_))                                                                \
            return raise_comm(comm, CALL, check_error_);                                           \
    } while (0)

int PMPI_Barrier(MPI_Comm comm)
{
    CHECK(comm, check_barrier(comm));
    FINISH_COLLECTIVE(comm, coll_barrier(comm));
}
EXPORT(MPI_Barrier);

int PMPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    CHECK(comm, check_bcast(buffer, count, type, root, comm));
    FINISH_COLLECTIVE(comm, coll_bcast(buffer, (size_t)count, type, root, comm));
}
EXPORT(MPI_Bcast);

int PMPI_Reduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, int root,
                MPI_Comm comm)
{
    CHECK(comm, check_reduce(send, recv, count, type, op, root, comm));
    FINISH_COLLECTIVE(comm, coll_reduce(send, recv, (size_t)count, type, op, root, comm));
}
EXPORT(MPI_Reduce);

int PMPI_Allreduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm)
{
    CHECK(comm, check_allreduce(send, recv, count, type, op, comm));
    FINISH_COLLECTIVE(comm, coll_allreduce(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Allreduce);

int PMPI_Gather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    CHECK(comm, check_gather(send, send_count, send_type, recv, recv_count, recv_type, root, comm));
    FINISH_COLLECTIVE(comm, coll_gather(send, (size_t)send_count, send_type, recv,
                                        (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Gather);

int PMPI_Gatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                 int root, MPI_Comm comm)
{
    CHECK(comm, check_gatherv(send, send_count, send_type, recv, recv_counts, displacements,
                              recv_type, root, comm));
    FINISH_COLLECTIVE(comm, coll_gatherv(send, (size_t)send_count, send_type, recv, recv_counts,
                                         displacements, recv_type, root, comm));
}
EXPORT(MPI_Gatherv);

int PMPI_Allgather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                   int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK(comm, check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm));
    FINISH_COLLECTIVE(comm, coll_allgather(send, (size_t)send_count, send_type, recv,
                                           (size_t)recv_count, recv_type, comm));
}
EXPORT(MPI_Allgather);

int PMPI_Scatter(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    CHECK(comm,
          check_scatter(send, send_count, send_type, recv, recv_count, recv_type, root, comm));
    FINISH_COLLECTIVE(comm, coll_scatter(send, (size_t)send_count, send_type, recv,
                                         (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Scatter);

int PMPI_Alltoall(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                  int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK(comm, check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm));
    FINISH_COLLECTIVE(comm, coll_alltoall(send, (size_t)send_count, send_type, recv,
                                          (size_t)recv_count, recv_type, comm));
}
EXPORT(MPI_Alltoall);

int PMPI_Allgatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                    const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                    MPI_Comm comm)
{
    CHECK(comm, check_allgatherv(send, send_count, send_type, recv, recv_counts, displacements,
                                 recv_type, comm));
    FINISH_COLLECTIVE(comm, coll_allgatherv(send, (size_t)send_count, send_type, recv, recv_counts,
                                            displacements, recv_type, comm));
}
EXPORT(MPI_Allgatherv);

int PMPI_Scatterv(const void *send, const int send_counts[], const int displacements[],
                  MPI_Datatype send_type, void *recv, int recv_count, MPI_Datatype recv_type,
                  int root, MPI_Comm comm)
{
    CHECK(comm, check_scatterv(send, send_counts, displacements, send_type, recv, recv_count,
                               recv_type, root, comm));
    FINISH_COLLECTIVE(comm, coll_scatterv(send, send_counts, displacements, send_type, recv,
                                          (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Scatterv);

int PMPI_Alltoallv(const void *send, const int send_counts[], const int send_displacements[],
                   MPI_Datatype send_type, void *recv, const int recv_counts[],
                   const int recv_displacements[], MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK(comm, check_alltoallv(send, send_counts, send_displacements, send_type, recv, recv_counts,
                                recv_displacements, recv_type, comm));
    FINISH_COLLECTIVE(comm, coll_alltoallv(send, send_counts, send_displacements, send_type, recv,
                                           recv_counts, recv_displacements, recv_type, comm));
}
EXPORT(MPI_Alltoallv);

int PMPI_Alltoallw(const void *send, const int send_counts[], const int send_displacements[],
                   const MPI_Datatype send_types[], void *recv, const int recv_counts[],
                   const int recv_displacements[], const MPI_Datatype recv_types[], MPI_Comm comm)
{
    CHECK(comm, check_alltoallw(send, send_counts, send_displacements, send_types, recv,
                                recv_counts, recv_displacements, recv_types, comm));
    FINISH_COLLECTIVE(comm, coll_alltoallw(send, send_counts, send_displacements, send_types, recv,
                                           recv_counts, recv_displacements, recv_types, comm));
}
EXPORT(MPI_Alltoallw);

#define SCAN(name, function)                                                                       \
    int P##name(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,             \
                MPI_Comm comm)                                                                     \
    {                                                                                              \
        CHECK(comm, check_scan(send, recv, count, type, op, comm));                                \
        FINISH_COLLECTIVE(comm, function(send, recv, (size_t)count, type, op, comm));              \
    }                                                                                              \
    EXPORT(name)

SCAN(MPI_Scan, coll_scan);
SCAN(MPI_Exscan, coll_exscan);

int PMPI_Reduce_scatter(const void *send, void *recv, const int counts[], MPI_Datatype type,
                        MPI_Op op, MPI_Comm comm)
{
    CHECK(comm, check_reduce_scatter(send, recv, counts, type, op, comm));
    FINISH_COLLECTIVE(comm, coll_reduce_scatter(send, recv, counts, type, op, comm));
}
EXPORT(MPI_Reduce_scatter);

int PMPI_Reduce_scatter_block(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                              MPI_Comm comm)
{
    CHECK(comm, check_allreduce(send, recv, count, type, op, comm));
    FINISH_COLLECTIVE(comm, coll_reduce_scatter_block(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Reduce_scatter_block);
