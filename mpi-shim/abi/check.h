/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/check.h: argument checks.
 *
 * `x_ok` is the condition on the hot path; `x_bad` finds out, out of line, what was wrong, keeps an explanation
 * (error_note) and returns the error class.
 */
#ifndef CARAVAN_ABI_CHECK_H
#define CARAVAN_ABI_CHECK_H

#include "abi.h"

static inline bool comm_ok(const struct comm *comm)
{
    return likely(comm && comm->magic == COMM_MAGIC);
}

static inline bool group_ok(const struct group *group)
{
    return likely(group && group->magic == GROUP_MAGIC);
}

static inline bool type_ok(const struct datatype *type)
{
    return likely(type && type->magic == DATATYPE_MAGIC);
}

static inline bool op_ok(const struct op *op)
{
    return likely(op && op->magic == OP_MAGIC);
}

static inline bool errhandler_ok(const struct errhandler *handler)
{
    return likely(handler && handler->magic == ERRHANDLER_MAGIC);
}

static inline bool info_ok(const struct info *info)
{
    return likely(info && info->magic == INFO_MAGIC);
}

static inline bool rank_ok(int rank, const struct comm *comm)
{
    return (unsigned)rank < (unsigned)comm->peers || rank == MPI_PROC_NULL;
}

/* A buffer of `count` elements that a message comes from or goes to. Address 0 is MPI_BOTTOM, which only a type that
 * holds addresses makes sense of. */
static inline bool data_ok(const void *buffer, int count, const struct datatype *type)
{
    return likely(type_ok(type) && type->committed && count >= 0 &&
                  (buffer || count == 0 || !type->predefined));
}

static inline bool send_ok(const void *buffer, int count, const struct datatype *type, int dest,
                           int tag, const struct comm *comm)
{
    return likely(comm_ok(comm) && rank_ok(dest, comm) && tag >= 0 && data_ok(buffer, count, type));
}

static inline bool probe_ok(int source, int tag, const struct comm *comm)
{
    return likely(comm_ok(comm) && (rank_ok(source, comm) || source == MPI_ANY_SOURCE) &&
                  (tag >= 0 || tag == MPI_ANY_TAG));
}

static inline bool recv_ok(const void *buffer, int count, const struct datatype *type, int source,
                           int tag, const struct comm *comm)
{
    return likely(probe_ok(source, tag, comm) && data_ok(buffer, count, type));
}

#define COLD __attribute__((cold))

COLD int comm_bad(const struct comm *comm);
COLD int not_intra(const struct comm *comm);
COLD int not_inter(const struct comm *comm);
COLD int group_bad(const struct group *group);
COLD int type_bad(const struct datatype *type);
COLD int op_bad(const struct op *op);
COLD int errhandler_bad(const struct errhandler *handler);
COLD int info_bad(const struct info *info);
COLD int data_bad(const void *buffer, int count, const struct datatype *type);
COLD int send_bad(const void *buffer, int count, const struct datatype *type, int dest, int tag,
                  const struct comm *comm);
COLD int recv_bad(const void *buffer, int count, const struct datatype *type, int source, int tag,
                  const struct comm *comm);
COLD int probe_bad(int source, int tag, const struct comm *comm);
COLD int argument_null(const char *name);

/* In an entry point: leave with the error of an argument that is not as it must be. */
#define CHECK_COMM(comm)                                                                           \
    do {                                                                                           \
        if (unlikely(!comm_ok(comm)))                                                              \
            return raise_comm(comm, CALL, comm_bad(comm));                                         \
    } while (0)
/* The same, of one kind. */
#define CHECK_INTRA(comm)                                                                          \
    do {                                                                                           \
        CHECK_COMM(comm);                                                                          \
        if (unlikely((comm)->remote))                                                              \
            return raise_comm(comm, CALL, not_intra(comm));                                        \
    } while (0)
#define CHECK_INTER(comm)                                                                          \
    do {                                                                                           \
        CHECK_COMM(comm);                                                                          \
        if (unlikely(!(comm)->remote))                                                             \
            return raise_comm(comm, CALL, not_inter(comm));                                        \
    } while (0)
#define CHECK_GROUP(group)                                                                         \
    do {                                                                                           \
        if (unlikely(!group_ok(group)))                                                            \
            return raise_world(CALL, group_bad(group));                                            \
    } while (0)
#define CHECK_TYPE(type)                                                                           \
    do {                                                                                           \
        if (unlikely(!type_ok(type)))                                                              \
            return raise_world(CALL, type_bad(type));                                              \
    } while (0)
#define CHECK_OP(op)                                                                               \
    do {                                                                                           \
        if (unlikely(!op_ok(op)))                                                                  \
            return raise_world(CALL, op_bad(op));                                                  \
    } while (0)
#define CHECK_ERRHANDLER(handler)                                                                  \
    do {                                                                                           \
        if (unlikely(!errhandler_ok(handler)))                                                     \
            return raise_world(CALL, errhandler_bad(handler));                                     \
    } while (0)
#define CHECK_INFO(info)                                                                           \
    do {                                                                                           \
        if (unlikely(!info_ok(info)))                                                              \
            return raise_world(CALL, info_bad(info));                                              \
    } while (0)

/* A pointer that the call writes through or reads from. */
#define CHECK_NOT_NULL(pointer)                                                                    \
    do {                                                                                           \
        if (unlikely(!(pointer)))                                                                  \
            return raise_world(CALL, argument_null(#pointer));                                     \
    } while (0)
#define CHECK_NOT_NULL_COMM(comm, pointer)                                                         \
    do {                                                                                           \
        if (unlikely(!(pointer)))                                                                  \
            return raise_comm(comm, CALL, argument_null(#pointer));                                \
    } while (0)

#endif
