/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll_schedule.c: collective operations that are schedules (coll/schedule.h): nonblocking (MPI 3.1 section
 * 5.12), persistent (MPI 4.0 section 6.13; Open MPI 4 has them as MPIX_x_init), and those with neighbours (section 7.6).
 */
#include "mpi-shim/coll/plan.h"

#include "coll_check.h"

/* Go on with what was planned, or not. */
#define FINISH_PLAN(comm, end, error)                                                              \
    do {                                                                                           \
        int plan_error_ = (error);                                                                 \
        if (likely(plan_error_ == 0))                                                              \
            FINISH_COMM(comm, end);                                                                \
        schedule_drop(schedule);                                                                   \
        return raise_comm(comm, CALL, plan_error_);                                                \
    } while (0)

#define PLANNED(comm, call, root, check)                                                           \
    int check_error_ = (check);                                                                    \
    struct schedule *schedule;                                                                     \
                                                                                                   \
    if (unlikely(check_error_))                                                                    \
        return raise_comm(comm, CALL, check_error_);                                               \
    schedule = schedule_create(comm,                                                               \
                               call_word(call, (root) == MPI_ROOT ? comm->rank : (root), 0, 0))

#define CHECK_HINTS(comm, info)                                                                    \
    do {                                                                                           \
        if ((info) != MPI_INFO_NULL && !info_ok(info))                                             \
            return raise_comm(comm, CALL, info_bad(info));                                         \
    } while (0)

/* Define MPI_Ix and MPIX_x_init: checked and planned alike, then begun, or kept for MPI_Start. */
#define COLLECTIVE(begun, kept, call, root, parameters, check, plan)                               \
    int P##begun(UNWRAPPED parameters, MPI_Comm comm, MPI_Request *request)                        \
    {                                                                                              \
        CHECK_NOT_NULL_COMM(comm, request);                                                        \
        PLANNED(comm, call, root, check);                                                          \
        FINISH_PLAN(comm, schedule_begin(schedule, request), plan);                                \
    }                                                                                              \
    EXPORT(begun);                                                                                 \
    int P##kept(UNWRAPPED parameters, MPI_Comm comm, MPI_Info info, MPI_Request *request)          \
    {                                                                                              \
        CHECK_NOT_NULL_COMM(comm, request);                                                        \
        CHECK_HINTS(comm, info);                                                                   \
        PLANNED(comm, call, root, check);                                                          \
        FINISH_PLAN(comm, schedule_keep(schedule, request), plan);                                 \
    }                                                                                              \
    EXPORT(kept)

/* MPI_Neighbor_x too. */
#define NEIGHBOR(run, begun, kept, call, parameters, check, plan)                                  \
    COLLECTIVE(begun, kept, call, 0, parameters, check, plan);                                     \
    int P##run(UNWRAPPED parameters, MPI_Comm comm)                                                \
    {                                                                                              \
        PLANNED(comm, call, 0, check);                                                             \
        FINISH_PLAN(comm, schedule_run(schedule), plan);                                           \
    }                                                                                              \
    EXPORT(run)

#define UNWRAPPED(...) __VA_ARGS__

int PMPI_Ibarrier(MPI_Comm comm, MPI_Request *request)
{
    CHECK_NOT_NULL_COMM(comm, request);
    PLANNED(comm, CALL_BARRIER, 0, check_barrier(comm));
    FINISH_PLAN(comm, schedule_begin(schedule, request), plan_barrier(schedule, comm));
}
EXPORT(MPI_Ibarrier);

int PMPIX_Barrier_init(MPI_Comm comm, MPI_Info info, MPI_Request *request)
{
    CHECK_NOT_NULL_COMM(comm, request);
    CHECK_HINTS(comm, info);
    PLANNED(comm, CALL_BARRIER, 0, check_barrier(comm));
    FINISH_PLAN(comm, schedule_keep(schedule, request), plan_barrier(schedule, comm));
}
EXPORT(MPIX_Barrier_init);

COLLECTIVE(MPI_Ibcast, MPIX_Bcast_init, CALL_BCAST, root,
           (void *buffer, int count, MPI_Datatype type, int root),
           check_bcast(buffer, count, type, root, comm),
           plan_bcast(schedule, buffer, (size_t)count, type, root, comm));

COLLECTIVE(MPI_Ireduce, MPIX_Reduce_init, CALL_REDUCE, root,
           (const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, int root),
           check_reduce(send, recv, count, type, op, root, comm),
           plan_reduce(schedule, send, recv, (size_t)count, type, op, root, comm));

COLLECTIVE(MPI_Iallreduce, MPIX_Allreduce_init, CALL_ALLREDUCE, 0,
           (const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op),
           check_allreduce(send, recv, count, type, op, comm),
           plan_allreduce(schedule, send, recv, (size_t)count, type, op, comm));

COLLECTIVE(MPI_Ireduce_scatter, MPIX_Reduce_scatter_init, CALL_REDUCE_SCATTER, 0,
           (const void *send, void *recv, const int counts[], MPI_Datatype type, MPI_Op op),
           check_reduce_scatter(send, recv, counts, type, op, comm),
           plan_reduce_scatter(schedule, send, recv, counts, 0, type, op, comm));

COLLECTIVE(MPI_Ireduce_scatter_block, MPIX_Reduce_scatter_block_init, CALL_REDUCE_SCATTER_BLOCK, 0,
           (const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op),
           check_allreduce(send, recv, count, type, op, comm),
           plan_reduce_scatter(schedule, send, recv, NULL, (size_t)count, type, op, comm));

COLLECTIVE(MPI_Iscan, MPIX_Scan_init, CALL_SCAN, 0,
           (const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op),
           check_scan(send, recv, count, type, op, comm),
           plan_scan(schedule, send, recv, (size_t)count, type, op, comm));

COLLECTIVE(MPI_Iexscan, MPIX_Exscan_init, CALL_EXSCAN, 0,
           (const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op),
           check_scan(send, recv, count, type, op, comm),
           plan_exscan(schedule, send, recv, (size_t)count, type, op, comm));

COLLECTIVE(MPI_Igather, MPIX_Gather_init, CALL_GATHER, root,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
            MPI_Datatype recv_type, int root),
           check_gather(send, send_count, send_type, recv, recv_count, recv_type, root, comm),
           plan_gather(schedule, send, (size_t)send_count, send_type,
                       blocks_equal(recv, recv_count, recv_type), root, comm));

COLLECTIVE(MPI_Igatherv, MPIX_Gatherv_init, CALL_GATHERV, root,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv,
            const int recv_counts[], const int displacements[], MPI_Datatype recv_type, int root),
           check_gatherv(send, send_count, send_type, recv, recv_counts, displacements, recv_type,
                         root, comm),
           plan_gather(schedule, send, (size_t)send_count, send_type,
                       blocks_placed(recv, recv_counts, displacements, recv_type), root, comm));

COLLECTIVE(MPI_Iscatter, MPIX_Scatter_init, CALL_SCATTER, root,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
            MPI_Datatype recv_type, int root),
           check_scatter(send, send_count, send_type, recv, recv_count, recv_type, root, comm),
           plan_scatter(schedule, blocks_equal(send, send_count, send_type), recv,
                        (size_t)recv_count, recv_type, root, comm));

COLLECTIVE(MPI_Iscatterv, MPIX_Scatterv_init, CALL_SCATTERV, root,
           (const void *send, const int send_counts[], const int displacements[],
            MPI_Datatype send_type, void *recv, int recv_count, MPI_Datatype recv_type, int root),
           check_scatterv(send, send_counts, displacements, send_type, recv, recv_count, recv_type,
                          root, comm),
           plan_scatter(schedule, blocks_placed(send, send_counts, displacements, send_type), recv,
                        (size_t)recv_count, recv_type, root, comm));

COLLECTIVE(MPI_Iallgather, MPIX_Allgather_init, CALL_ALLGATHER, 0,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
            MPI_Datatype recv_type),
           check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm),
           plan_allgather(schedule, send, (size_t)send_count, send_type,
                          blocks_equal(recv, recv_count, recv_type), comm));

COLLECTIVE(MPI_Iallgatherv, MPIX_Allgatherv_init, CALL_ALLGATHERV, 0,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv,
            const int recv_counts[], const int displacements[], MPI_Datatype recv_type),
           check_allgatherv(send, send_count, send_type, recv, recv_counts, displacements,
                            recv_type, comm),
           plan_allgather(schedule, send, (size_t)send_count, send_type,
                          blocks_placed(recv, recv_counts, displacements, recv_type), comm));

COLLECTIVE(MPI_Ialltoall, MPIX_Alltoall_init, CALL_ALLTOALL, 0,
           (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
            MPI_Datatype recv_type),
           check_allgather(send, send_count, send_type, recv, recv_count, recv_type, comm),
           plan_alltoall(schedule, blocks_equal(send, send_count, send_type),
                         blocks_equal(recv, recv_count, recv_type), comm));

COLLECTIVE(MPI_Ialltoallv, MPIX_Alltoallv_init, CALL_ALLTOALLV, 0,
           (const void *send, const int send_counts[], const int send_displacements[],
            MPI_Datatype send_type, void *recv, const int recv_counts[],
            const int recv_displacements[], MPI_Datatype recv_type),
           check_alltoallv(send, send_counts, send_displacements, send_type, recv, recv_counts,
                           recv_displacements, recv_type, comm),
           plan_alltoall(schedule, blocks_placed(send, send_counts, send_displacements, send_type),
                         blocks_placed(recv, recv_counts, recv_displacements, recv_type), comm));

COLLECTIVE(MPI_Ialltoallw, MPIX_Alltoallw_init, CALL_ALLTOALLW, 0,
           (const void *send, const int send_counts[], const int send_displacements[],
            const MPI_Datatype send_types[], void *recv, const int recv_counts[],
            const int recv_displacements[], const MPI_Datatype recv_types[]),
           check_alltoallw(send, send_counts, send_displacements, send_types, recv, recv_counts,
                           recv_displacements, recv_types, comm),
           plan_alltoall(schedule, blocks_typed(send, send_counts, send_displacements, send_types),
                         blocks_typed(recv, recv_counts, recv_displacements, recv_types), comm));

/* ---- neighbours --------------------------------------------------------------------------------- */

NEIGHBOR(MPI_Neighbor_allgather, MPI_Ineighbor_allgather, MPIX_Neighbor_allgather_init,
         CALL_NEIGHBOR_ALLGATHER,
         (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
          MPI_Datatype recv_type),
         check_neighbor(send, send_count, send_type, recv, recv_count, recv_type, comm),
         plan_neighbor_allgather(schedule, send, (size_t)send_count, send_type,
                                 blocks_equal(recv, recv_count, recv_type), comm));

NEIGHBOR(MPI_Neighbor_allgatherv, MPI_Ineighbor_allgatherv, MPIX_Neighbor_allgatherv_init,
         CALL_NEIGHBOR_ALLGATHERV,
         (const void *send, int send_count, MPI_Datatype send_type, void *recv,
          const int recv_counts[], const int displacements[], MPI_Datatype recv_type),
         check_neighbor_allgatherv(send, send_count, send_type, recv, recv_counts, displacements,
                                   recv_type, comm),
         plan_neighbor_allgather(schedule, send, (size_t)send_count, send_type,
                                 blocks_placed(recv, recv_counts, displacements, recv_type), comm));

NEIGHBOR(MPI_Neighbor_alltoall, MPI_Ineighbor_alltoall, MPIX_Neighbor_alltoall_init,
         CALL_NEIGHBOR_ALLTOALL,
         (const void *send, int send_count, MPI_Datatype send_type, void *recv, int recv_count,
          MPI_Datatype recv_type),
         check_neighbor(send, send_count, send_type, recv, recv_count, recv_type, comm),
         plan_neighbor_alltoall(schedule, blocks_equal(send, send_count, send_type),
                                blocks_equal(recv, recv_count, recv_type), comm));

NEIGHBOR(MPI_Neighbor_alltoallv, MPI_Ineighbor_alltoallv, MPIX_Neighbor_alltoallv_init,
         CALL_NEIGHBOR_ALLTOALLV,
         (const void *send, const int send_counts[], const int send_displacements[],
          MPI_Datatype send_type, void *recv, const int recv_counts[],
          const int recv_displacements[], MPI_Datatype recv_type),
         check_neighbor_alltoallv(send, send_counts, send_displacements, send_type, recv,
                                  recv_counts, recv_displacements, recv_type, comm),
         plan_neighbor_alltoall(schedule,
                                blocks_placed(send, send_counts, send_displacements, send_type),
                                blocks_placed(recv, recv_counts, recv_displacements, recv_type),
                                comm));

NEIGHBOR(MPI_Neighbor_alltoallw, MPI_Ineighbor_alltoallw, MPIX_Neighbor_alltoallw_init,
         CALL_NEIGHBOR_ALLTOALLW,
         (const void *send, const int send_counts[], const MPI_Aint send_displacements[],
          const MPI_Datatype send_types[], void *recv, const int recv_counts[],
          const MPI_Aint recv_displacements[], const MPI_Datatype recv_types[]),
         check_neighbor_alltoallw(send, send_counts, send_displacements, send_types, recv,
                                  recv_counts, recv_displacements, recv_types, comm),
         plan_neighbor_alltoall(schedule,
                                blocks_addressed(send, send_counts, send_displacements, send_types),
                                blocks_addressed(recv, recv_counts, recv_displacements, recv_types),
                                comm));
