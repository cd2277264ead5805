/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll.c: collective operations (MPI 3.1 chapter 5).
 *
 * Checked is what one process can know. A buffer of MPI_IN_PLACE stands for another one, so its count and type do not
 * matter; arguments that matter at the root only are looked at there only.
 */
#include "mpi-shim/coll/coll.h"

#include "check.h"

static COLD int root_bad(int root, const struct comm *comm)
{
    return error_note(MPI_ERR_ROOT, "the root %d is not in %s of %d ranks", root, comm_label(comm),
                      comm->peers);
}

static inline bool root_ok(int root, const struct comm *comm)
{
    return likely((unsigned)root < (unsigned)comm->peers ||
                  (comm->remote && (root == MPI_ROOT || root == MPI_PROC_NULL)));
}

static inline bool is_root(int root, const struct comm *comm)
{
    return comm->remote ? root == MPI_ROOT : root == comm->rank;
}

/* As FINISH_COMM; who asks what this process waits for is told this call's name. */
#define FINISH_COLLECTIVE(comm, result)                                                            \
    do {                                                                                           \
        (comm)->call = CALL;                                                                       \
        FINISH_COMM(comm, result);                                                                 \
    } while (0)

#define CHECK_ROOT(root, comm)                                                                     \
    do {                                                                                           \
        if (!root_ok(root, comm))                                                                  \
            return raise_comm(comm, CALL, root_bad(root, comm));                                   \
    } while (0)

#define CHECK_DATA(buffer, count, type, comm)                                                      \
    do {                                                                                           \
        if ((buffer) != MPI_IN_PLACE && !data_ok(buffer, count, type))                             \
            return raise_comm(comm, CALL, data_bad(buffer, count, type));                          \
    } while (0)

#define CHECK_NOT_IN_PLACE(buffer, comm)                                                           \
    do {                                                                                           \
        if ((buffer) == MPI_IN_PLACE)                                                              \
            return FAIL_COMM(comm, MPI_ERR_BUFFER, "MPI_IN_PLACE as %s has no meaning here",       \
                             #buffer);                                                             \
    } while (0)

#define CHECK_REDUCTION(op, type, comm)                                                            \
    do {                                                                                           \
        if (!op_ok(op))                                                                            \
            return raise_comm(comm, CALL, op_bad(op));                                             \
        if (op_check(op, type) != 0)                                                               \
            return raise_comm(comm, CALL, MPI_ERR_OP);                                             \
    } while (0)

int PMPI_Barrier(MPI_Comm comm)
{
    CHECK_COMM(comm);
    FINISH_COLLECTIVE(comm, coll_barrier(comm));
}
EXPORT(MPI_Barrier);

int PMPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    CHECK_NOT_IN_PLACE(buffer, comm);
    if (root != MPI_PROC_NULL)
        CHECK_DATA(buffer, count, type, comm);
    FINISH_COLLECTIVE(comm, coll_bcast(buffer, (size_t)count, type, root, comm));
}
EXPORT(MPI_Bcast);

int PMPI_Reduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, int root,
                MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    if (root != MPI_PROC_NULL) {
        bool target = is_root(root, comm);

        if (!target)
            CHECK_NOT_IN_PLACE(send, comm);
        if (!type_ok(type) || count < 0)
            return raise_comm(comm, CALL, data_bad(send, count, type));
        if (!comm->remote || !target)
            CHECK_DATA(send, count, type, comm);
        if (target) {
            CHECK_NOT_IN_PLACE(recv, comm);
            CHECK_DATA(recv, count, type, comm);
        }
        CHECK_REDUCTION(op, type, comm);
    }
    FINISH_COLLECTIVE(comm, coll_reduce(send, recv, (size_t)count, type, op, root, comm));
}
EXPORT(MPI_Reduce);

int PMPI_Allreduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_DATA(send, count, type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_DATA(recv, count, type, comm);
    CHECK_REDUCTION(op, type, comm);
    FINISH_COLLECTIVE(comm, coll_allreduce(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Allreduce);

int PMPI_Gather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    if (is_root(root, comm)) {
        CHECK_NOT_IN_PLACE(recv, comm);
        CHECK_DATA(recv, recv_count, recv_type, comm);
    } else {
        CHECK_NOT_IN_PLACE(send, comm);
    }
    if (root != MPI_PROC_NULL && root != MPI_ROOT)
        CHECK_DATA(send, send_count, send_type, comm);
    FINISH_COLLECTIVE(comm, coll_gather(send, (size_t)send_count, send_type, recv,
                                        (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Gather);

/* One count a rank. `displacements` may be left out where `placed` is false. */
static int counts_check(const void *buffer, const int *counts, const int *displacements,
                        bool placed, struct datatype *type, const struct comm *comm)
{
    if (!counts)
        return argument_null("counts");
    if (placed && !displacements)
        return argument_null("displacements");
    for (int i = 0; i < comm->peers; i++) {
        if (!data_ok(buffer, counts[i], type))
            return data_bad(buffer, counts[i], type);
    }
    return 0;
}

#define CHECK_COUNTS(buffer, counts, displacements, type, comm)                                    \
    do {                                                                                           \
        int counts_error_ = counts_check(buffer, counts, displacements, true, type, comm);         \
                                                                                                   \
        if (counts_error_)                                                                         \
            return raise_comm(comm, CALL, counts_error_);                                          \
    } while (0)

int PMPI_Gatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                 int root, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    if (is_root(root, comm)) {
        CHECK_NOT_IN_PLACE(recv, comm);
        CHECK_COUNTS(recv, recv_counts, displacements, recv_type, comm);
    } else {
        CHECK_NOT_IN_PLACE(send, comm);
    }
    if (root != MPI_PROC_NULL && root != MPI_ROOT)
        CHECK_DATA(send, send_count, send_type, comm);
    FINISH_COLLECTIVE(comm, coll_gatherv(send, (size_t)send_count, send_type, recv, recv_counts,
                                         displacements, recv_type, root, comm));
}
EXPORT(MPI_Gatherv);

int PMPI_Allgather(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                   int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_DATA(send, send_count, send_type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_DATA(recv, recv_count, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_allgather(send, (size_t)send_count, send_type, recv,
                                           (size_t)recv_count, recv_type, comm));
}
EXPORT(MPI_Allgather);

int PMPI_Scatter(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                 int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    if (is_root(root, comm)) {
        CHECK_NOT_IN_PLACE(send, comm);
        CHECK_DATA(send, send_count, send_type, comm);
    } else {
        CHECK_NOT_IN_PLACE(recv, comm);
    }
    if (root != MPI_PROC_NULL && root != MPI_ROOT)
        CHECK_DATA(recv, recv_count, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_scatter(send, (size_t)send_count, send_type, recv,
                                         (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Scatter);

int PMPI_Alltoall(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                  int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_DATA(send, send_count, send_type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_DATA(recv, recv_count, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_alltoall(send, (size_t)send_count, send_type, recv,
                                          (size_t)recv_count, recv_type, comm));
}
EXPORT(MPI_Alltoall);

int PMPI_Allgatherv(const void *send, int send_count, MPI_Datatype send_type, void *recv,
                    const int recv_counts[], const int displacements[], MPI_Datatype recv_type,
                    MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_DATA(send, send_count, send_type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_COUNTS(recv, recv_counts, displacements, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_allgatherv(send, (size_t)send_count, send_type, recv, recv_counts,
                                            displacements, recv_type, comm));
}
EXPORT(MPI_Allgatherv);

int PMPI_Scatterv(const void *send, const int send_counts[], const int displacements[],
                  MPI_Datatype send_type, void *recv, int recv_count, MPI_Datatype recv_type,
                  int root, MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_ROOT(root, comm);
    if (is_root(root, comm)) {
        CHECK_NOT_IN_PLACE(send, comm);
        CHECK_COUNTS(send, send_counts, displacements, send_type, comm);
    } else {
        CHECK_NOT_IN_PLACE(recv, comm);
    }
    if (root != MPI_PROC_NULL && root != MPI_ROOT)
        CHECK_DATA(recv, recv_count, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_scatterv(send, send_counts, displacements, send_type, recv,
                                          (size_t)recv_count, recv_type, root, comm));
}
EXPORT(MPI_Scatterv);

int PMPI_Alltoallv(const void *send, const int send_counts[], const int send_displacements[],
                   MPI_Datatype send_type, void *recv, const int recv_counts[],
                   const int recv_displacements[], MPI_Datatype recv_type, MPI_Comm comm)
{
    CHECK_COMM(comm);
    if (send != MPI_IN_PLACE)
        CHECK_COUNTS(send, send_counts, send_displacements, send_type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_COUNTS(recv, recv_counts, recv_displacements, recv_type, comm);
    FINISH_COLLECTIVE(comm, coll_alltoallv(send, send_counts, send_displacements, send_type, recv,
                                           recv_counts, recv_displacements, recv_type, comm));
}
EXPORT(MPI_Alltoallv);

/* As counts_check, with a type a rank. */
static int types_check(const void *buffer, const int *counts, const int *displacements,
                       const MPI_Datatype *types, const struct comm *comm)
{
    if (!counts || !displacements || !types)
        return argument_null(!counts ? "counts" : !displacements ? "displacements" : "types");
    for (int i = 0; i < comm->peers; i++) {
        if (!data_ok(buffer, counts[i], types[i]))
            return data_bad(buffer, counts[i], types[i]);
    }
    return 0;
}

int PMPI_Alltoallw(const void *send, const int send_counts[], const int send_displacements[],
                   const MPI_Datatype send_types[], void *recv, const int recv_counts[],
                   const int recv_displacements[], const MPI_Datatype recv_types[], MPI_Comm comm)
{
    int error = 0;

    CHECK_COMM(comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    if (send != MPI_IN_PLACE)
        error = types_check(send, send_counts, send_displacements, send_types, comm);
    if (!error)
        error = types_check(recv, recv_counts, recv_displacements, recv_types, comm);
    if (error)
        return raise_comm(comm, CALL, error);
    FINISH_COLLECTIVE(comm, coll_alltoallw(send, send_counts, send_displacements, send_types, recv,
                                           recv_counts, recv_displacements, recv_types, comm));
}
EXPORT(MPI_Alltoallw);

static COLD int no_inter(const struct comm *comm)
{
    return error_note(MPI_ERR_COMM, "%s is an inter-communicator", comm_label(comm));
}

#define SCAN(name, function)                                                                       \
    int P##name(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,             \
                MPI_Comm comm)                                                                     \
    {                                                                                              \
        CHECK_COMM(comm);                                                                          \
        if (comm->remote)                                                                          \
            return raise_comm(comm, CALL, no_inter(comm));                                         \
        CHECK_DATA(send, count, type, comm);                                                       \
        CHECK_NOT_IN_PLACE(recv, comm);                                                            \
        CHECK_DATA(recv, count, type, comm);                                                       \
        CHECK_REDUCTION(op, type, comm);                                                           \
        FINISH_COLLECTIVE(comm, function(send, recv, (size_t)count, type, op, comm));              \
    }                                                                                              \
    EXPORT(name)

SCAN(MPI_Scan, coll_scan);
SCAN(MPI_Exscan, coll_exscan);

int PMPI_Reduce_scatter(const void *send, void *recv, const int counts[], MPI_Datatype type,
                        MPI_Op op, MPI_Comm comm)
{
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    error = counts_check(send, counts, NULL, false, type, comm);
    if (error)
        return raise_comm(comm, CALL, error);
    CHECK_REDUCTION(op, type, comm);
    FINISH_COLLECTIVE(comm, coll_reduce_scatter(send, recv, counts, type, op, comm));
}
EXPORT(MPI_Reduce_scatter);

int PMPI_Reduce_scatter_block(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op,
                              MPI_Comm comm)
{
    CHECK_COMM(comm);
    CHECK_DATA(send, count, type, comm);
    CHECK_NOT_IN_PLACE(recv, comm);
    CHECK_DATA(recv, count, type, comm);
    CHECK_REDUCTION(op, type, comm);
    FINISH_COLLECTIVE(comm, coll_reduce_scatter_block(send, recv, (size_t)count, type, op, comm));
}
EXPORT(MPI_Reduce_scatter_block);
