/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll.c: collective operations (MPI 3.1 chapter 5). The others are in coll_schedule.c.
 */
#include "mpi-shim/coll/coll.h"

#include "coll_check.h"

/* One call on `comm`, with its root or 0, and the bytes that are the same on all ranks or 0. One whose arguments are wrong counts too: the other ranks made it. */
#define COLLECTIVE(comm, call, root, bytes, check, run)                                            \
    do {                                                                                           \
        int error_ = (check);                                                                      \
                                                                                                   \
        if (unlikely(error_))                                                                      \
            return refuse(comm, call, CALL, error_);                                               \
        call_enter(comm, call, root, bytes);                                                       \
        error_ = call_leave(comm, run);                                                            \
        return likely(error_ == 0) ? MPI_SUCCESS : raise_comm(comm, CALL, error_);                 \
    } while (0)

static COLD int refuse(MPI_Comm comm, enum call call, const char *name, int error)
{
    if (comm_ok(comm)) {
        call_enter(comm, call, MPI_PROC_NULL, 0);
        call_leave(comm, error);
    }
    return raise_comm(comm, name, error);
}

int PMPI_Barrier(MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_BARRIER, 0, 0, check_barrier(comm), coll_barrier(comm));
}
EXPORT(MPI_Barrier);

int PMPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_BCAST, root, (size_t)count * type->size,
               check_bcast(buffer, count, type, root, comm),
               coll_bcast(buffer, (size_t)count, type, root, comm));
}
EXPORT(MPI_Bcast);

int PMPI_Reduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, int root,
                MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_REDUCE, root, (size_t)count * type->size,
               check_reduce(send, recv, count, type, op, root, comm),
               coll_reduce(send, recv, (size_t)count, type, op, root, comm));
}
EXPORT(MPI_Reduce);

int PMPI_Allreduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLREDUCE, 0, (size_t)count * type->size,
               check_allreduce(send, recv, count, type, op, comm),
               coll_allreduce(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Allreduce);

int PMPI_Gather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_GATHER, root, 0,
               check_gather(send, send_count, send_type, recv, recv_count, recv_type, root, comm),
               coll_gather(send, (size_t)send_count, send_type, recv, (size_t)recv_count, recv_type,
                           root, comm));
}
EXPORT(MPI_Gather);

int PMPI_Gatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                 int root, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_GATHERV, root, 0,
               check_gatherv(send, send_count, send_type, recv, recv_counts, displacements,
                             recv_type, root, comm),
               coll_gatherv(send, (size_t)send_count, send_type, recv, recv_counts, displacements,
                            recv_type, root, comm));
}
EXPORT(MPI_Gatherv);

int PMPI_Allgather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                   int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLGATHER, 0, (size_t)recv_count * recv_type->size,
               check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm),
               coll_allgather(send, (size_t)send_count, send_type, recv, (size_t)recv_count,
                              recv_type, comm));
}
EXPORT(MPI_Allgather);

int PMPI_Scatter(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_SCATTER, root, 0,
               check_scatter(send, send_count, send_type, recv, recv_count, recv_type, root, comm),
               coll_scatter(send, (size_t)send_count, send_type, recv, (size_t)recv_count,
                            recv_type, root, comm));
}
EXPORT(MPI_Scatter);

int PMPI_Alltoall(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                  int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLTOALL, 0, (size_t)recv_count * recv_type->size,
               check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm),
               coll_alltoall(send, (size_t)send_count, send_type, recv, (size_t)recv_count,
                             recv_type, comm));
}
EXPORT(MPI_Alltoall);

int PMPI_Allgatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                    const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                    MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLGATHERV, 0, 0,
               check_allgatherv(send, send_count, send_type, recv, recv_counts, displacements,
                                recv_type, comm),
               coll_allgatherv(send, (size_t)send_count, send_type, recv, recv_counts,
                               displacements, recv_type, comm));
}
EXPORT(MPI_Allgatherv);

int PMPI_Scatterv(const void *send, const int send_counts[], const int displacements[],
                  MPI_Datatype send_type, void *recv, int recv_count, MPI_Datatype recv_type,
                  int root, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_SCATTERV, root, 0,
               check_scatterv(send, send_counts, displacements, send_type, recv, recv_count,
                              recv_type, root, comm),
               coll_scatterv(send, send_counts, displacements, send_type, recv, (size_t)recv_count,
                             recv_type, root, comm));
}
EXPORT(MPI_Scatterv);

int PMPI_Alltoallv(const void *send, const int send_counts[], const int send_displacements[],
                   MPI_Datatype send_type, void *recv, const int recv_counts[],
                   const int recv_displacements[], MPI_Datatype recv_type, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLTOALLV, 0, 0,
               check_alltoallv(send, send_counts, send_displacements, send_type, recv, recv_counts,
                               recv_displacements, recv_type, comm),
               coll_alltoallv(send, send_counts, send_displacements, send_type, recv, recv_counts,
                              recv_displacements, recv_type, comm));
}
EXPORT(MPI_Alltoallv);

int PMPI_Alltoallw(const void *send, const int send_counts[], const int send_displacements[],
                   const MPI_Datatype send_types[], void *recv, const int recv_counts[],
                   const int recv_displacements[], const MPI_Datatype recv_types[], MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_ALLTOALLW, 0, 0,
               check_alltoallw(send, send_counts, send_displacements, send_types, recv, recv_counts,
                               recv_displacements, recv_types, comm),
               coll_alltoallw(send, send_counts, send_displacements, send_types, recv, recv_counts,
                              recv_displacements, recv_types, comm));
}
EXPORT(MPI_Alltoallw);

#define SCAN(name, call, function)                                                                 \
    int P##name(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,             \
                MPI_Comm comm)                                                                     \
    {                                                                                              \
        COLLECTIVE(comm, call, 0, (size_t)count * type->size,                                      \
                   check_scan(send, recv, count, type, op, comm),                                  \
                   function(send, recv, (size_t)count, type, op, comm));                           \
    }                                                                                              \
    EXPORT(name)

SCAN(MPI_Scan, CALL_SCAN, coll_scan);
SCAN(MPI_Exscan, CALL_EXSCAN, coll_exscan);

int PMPI_Reduce_scatter(const void *send, void *recv, const int counts[], MPI_Datatype type,
                        MPI_Op op, MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_REDUCE_SCATTER, 0, 0,
               check_reduce_scatter(send, recv, counts, type, op, comm),
               coll_reduce_scatter(send, recv, counts, type, op, comm));
}
EXPORT(MPI_Reduce_scatter);

int PMPI_Reduce_scatter_block(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                              MPI_Comm comm)
{
    COLLECTIVE(comm, CALL_REDUCE_SCATTER_BLOCK, 0, (size_t)count * type->size,
               check_allreduce(send, recv, count, type, op, comm),
               coll_reduce_scatter_block(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Reduce_scatter_block);
