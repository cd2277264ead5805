/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/coll_check.c: checks of the arguments of collective operations.
 */
#include "coll_check.h"

#include "mpi-shim/topo/topo.h"

/* Leave with an error, if there is one. */
#define TRY(check)                                                                                 \
    do {                                                                                           \
        int try_error_ = (check);                                                                  \
        if (unlikely(try_error_))                                                                  \
            return try_error_;                                                                     \
    } while (0)

static inline int comm_check(const struct comm *comm)
{
    return comm_ok(comm) ? 0 : comm_bad(comm);
}

static int root_check(int root, const struct comm *comm)
{
    if (likely((unsigned)root < (unsigned)comm->peers ||
               (comm->remote && (root == MPI_ROOT || root == MPI_PROC_NULL))))
        return 0;
    return error_note(MPI_ERR_ROOT, "the root %d is not in %s of %d ranks", root, comm_label(comm),
                      comm->peers);
}

static inline bool is_root(int root, const struct comm *comm)
{
    return comm->remote ? root == MPI_ROOT : root == comm->rank;
}

/* This process has no part in the operation but as the root, or none at all. */
static inline bool is_beside(int root)
{
    return root == MPI_PROC_NULL || root == MPI_ROOT;
}

static inline int data_check(const void *buffer, int count, const struct datatype *type)
{
    return buffer == MPI_IN_PLACE || data_ok(buffer, count, type) ? 0
                                                                  : data_bad(buffer, count, type);
}

static inline int not_in_place(const void *buffer, const char *name)
{
    if (likely(buffer != MPI_IN_PLACE))
        return 0;
    return error_note(MPI_ERR_BUFFER, "MPI_IN_PLACE as %s has no meaning here", name);
}

/* Nothing is done in place between two groups. */
static inline int send_check(const void *send, const struct comm *comm)
{
    return unlikely(comm->remote) ? not_in_place(send, "send") : 0;
}

static inline int op_type_check(MPI_Op op, MPI_Datatype type)
{
    if (unlikely(!op_ok(op)))
        return op_bad(op);
    return op_check(op, type);
}

/* One count for each of so many blocks. `displacements` may be left out where `placed` is false. */
static int counts_check(const void *buffer, const int *counts, const int *displacements,
                        bool placed, const struct datatype *type, int blocks)
{
    if (!counts)
        return blocks == 0 ? 0 : argument_null("counts");
    if (placed && !displacements)
        return blocks == 0 ? 0 : argument_null("displacements");
    for (int i = 0; i < blocks; i++)
        TRY(data_check(buffer, counts[i], type));
    return 0;
}

/* As counts_check, with a type a block. */
static int types_check(const void *buffer, const int *counts, const void *displacements,
                       const MPI_Datatype *types, int blocks)
{
    if (blocks > 0 && (!counts || !displacements || !types))
        return argument_null(!counts ? "counts" : !displacements ? "displacements" : "types");
    for (int i = 0; i < blocks; i++)
        TRY(data_check(buffer, counts[i], types[i]));
    return 0;
}

int check_barrier(MPI_Comm comm)
{
    return comm_check(comm);
}

int check_bcast(const void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    TRY(not_in_place(buffer, "buffer"));
    return root == MPI_PROC_NULL ? 0 : data_check(buffer, count, type);
}

int check_reduce(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
                 int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    if (root == MPI_PROC_NULL)
        return 0;
    if (!is_root(root, comm))
        TRY(not_in_place(send, "send"));
    if (!type_ok(type) || count < 0)
        return data_bad(send, count, type);
    if (root != MPI_ROOT)
        TRY(data_check(send, count, type));
    if (is_root(root, comm)) {
        TRY(not_in_place(recv, "recv"));
        TRY(data_check(recv, count, type));
    }
    return op_type_check(op, type);
}

int check_allreduce(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
                    MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    TRY(data_check(send, count, type));
    TRY(not_in_place(recv, "recv"));
    TRY(data_check(recv, count, type));
    return op_type_check(op, type);
}

int check_scan(const void *send, const void *recv, int count, MPI_Datatype type, MPI_Op op,
               MPI_Comm comm)
{
    TRY(comm_check(comm));
    if (comm->remote)
        return not_intra(comm);
    return check_allreduce(send, recv, count, type, op, comm);
}

int check_gather(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                 int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    if (is_root(root, comm)) {
        TRY(not_in_place(recv, "recv"));
        TRY(data_check(recv, recv_count, recv_type));
    } else {
        TRY(not_in_place(send, "send"));
    }
    return is_beside(root) ? 0 : data_check(send, send_count, send_type);
}

int check_gatherv(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                  const int *recv_counts, const int *displacements, MPI_Datatype recv_type,
                  int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    if (is_root(root, comm)) {
        TRY(not_in_place(recv, "recv"));
        TRY(counts_check(recv, recv_counts, displacements, true, recv_type, comm->peers));
    } else {
        TRY(not_in_place(send, "send"));
    }
    return is_beside(root) ? 0 : data_check(send, send_count, send_type);
}

int check_scatter(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                  int recv_count, MPI_Datatype recv_type, int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    if (is_root(root, comm)) {
        TRY(not_in_place(send, "send"));
        TRY(data_check(send, send_count, send_type));
    } else {
        TRY(not_in_place(recv, "recv"));
    }
    return is_beside(root) ? 0 : data_check(recv, recv_count, recv_type);
}

int check_scatterv(const void *send, const int *send_counts, const int *displacements,
                   MPI_Datatype send_type, const void *recv, int recv_count, MPI_Datatype recv_type,
                   int root, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(root_check(root, comm));
    if (is_root(root, comm)) {
        TRY(not_in_place(send, "send"));
        TRY(counts_check(send, send_counts, displacements, true, send_type, comm->peers));
    } else {
        TRY(not_in_place(recv, "recv"));
    }
    return is_beside(root) ? 0 : data_check(recv, recv_count, recv_type);
}

int check_allgather(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                    int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    TRY(data_check(send, send_count, send_type));
    TRY(not_in_place(recv, "recv"));
    return data_check(recv, recv_count, recv_type);
}

int check_allgatherv(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                     const int *recv_counts, const int *displacements, MPI_Datatype recv_type,
                     MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    TRY(data_check(send, send_count, send_type));
    TRY(not_in_place(recv, "recv"));
    return counts_check(recv, recv_counts, displacements, true, recv_type, comm->peers);
}

int check_alltoallv(const void *send, const int *send_counts, const int *send_displacements,
                    MPI_Datatype send_type, const void *recv, const int *recv_counts,
                    const int *recv_displacements, MPI_Datatype recv_type, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    if (send != MPI_IN_PLACE)
        TRY(counts_check(send, send_counts, send_displacements, true, send_type, comm->peers));
    TRY(not_in_place(recv, "recv"));
    return counts_check(recv, recv_counts, recv_displacements, true, recv_type, comm->peers);
}

int check_alltoallw(const void *send, const int *send_counts, const int *send_displacements,
                    const MPI_Datatype *send_types, const void *recv, const int *recv_counts,
                    const int *recv_displacements, const MPI_Datatype *recv_types, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    if (send != MPI_IN_PLACE)
        TRY(types_check(send, send_counts, send_displacements, send_types, comm->peers));
    TRY(not_in_place(recv, "recv"));
    return types_check(recv, recv_counts, recv_displacements, recv_types, comm->peers);
}

int check_reduce_scatter(const void *send, const void *recv, const int *counts, MPI_Datatype type,
                         MPI_Op op, MPI_Comm comm)
{
    TRY(comm_check(comm));
    TRY(send_check(send, comm));
    TRY(not_in_place(recv, "recv"));
    /* The result is scattered among the own group. */
    TRY(counts_check(send, counts, NULL, false, type, comm->size));
    return op_type_check(op, type);
}

/* ---- neighbours --------------------------------------------------------------------------------- */

static int neighbours_check(const void *send, const void *recv, const struct comm *comm,
                            int *sources, int *destinations)
{
    const int *source, *destination;

    TRY(comm_check(comm));
    TRY(topology_neighbours(comm, sources, &source, destinations, &destination));
    TRY(not_in_place(send, "send"));
    return not_in_place(recv, "recv");
}

int check_neighbor(const void *send, int send_count, MPI_Datatype send_type, const void *recv,
                   int recv_count, MPI_Datatype recv_type, MPI_Comm comm)
{
    int sources, destinations;

    TRY(neighbours_check(send, recv, comm, &sources, &destinations));
    if (destinations > 0)
        TRY(data_check(send, send_count, send_type));
    return sources > 0 ? data_check(recv, recv_count, recv_type) : 0;
}

int check_neighbor_allgatherv(const void *send, int send_count, MPI_Datatype send_type,
                              const void *recv, const int *recv_counts, const int *displacements,
                              MPI_Datatype recv_type, MPI_Comm comm)
{
    int sources, destinations;

    TRY(neighbours_check(send, recv, comm, &sources, &destinations));
    if (destinations > 0)
        TRY(data_check(send, send_count, send_type));
    return counts_check(recv, recv_counts, displacements, true, recv_type, sources);
}

int check_neighbor_alltoallv(const void *send, const int *send_counts,
                             const int *send_displacements, MPI_Datatype send_type,
                             const void *recv, const int *recv_counts,
                             const int *recv_displacements, MPI_Datatype recv_type, MPI_Comm comm)
{
    int sources, destinations;

    TRY(neighbours_check(send, recv, comm, &sources, &destinations));
    TRY(counts_check(send, send_counts, send_displacements, true, send_type, destinations));
    return counts_check(recv, recv_counts, recv_displacements, true, recv_type, sources);
}

int check_neighbor_alltoallw(const void *send, const int *send_counts,
                             const MPI_Aint *send_displacements, const MPI_Datatype *send_types,
                             const void *recv, const int *recv_counts,
                             const MPI_Aint *recv_displacements, const MPI_Datatype *recv_types,
                             MPI_Comm comm)
{
    int sources, destinations;

    TRY(neighbours_check(send, recv, comm, &sources, &destinations));
    TRY(types_check(send, send_counts, send_displacements, send_types, destinations));
    return types_check(recv, recv_counts, recv_displacements, recv_types, sources);
}
