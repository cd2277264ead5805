/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/check.c: what was wrong with an argument, in words.
 */
#include "check.h"

int argument_null(const char *name)
{
    return error_note(MPI_ERR_ARG, "the argument \"%s\" is a null pointer", name);
}

int comm_bad(const struct comm *comm)
{
    if (comm == MPI_COMM_NULL)
        return error_note(MPI_ERR_COMM, "the communicator is MPI_COMM_NULL");
    if (comm && comm->magic == FREED_MAGIC)
        return error_note(MPI_ERR_COMM, "the communicator was freed");
    return error_note(MPI_ERR_COMM, "%p is not a communicator", (const void *)comm);
}

int not_intra(const struct comm *comm)
{
    return error_note(MPI_ERR_COMM, "%s is an inter-communicator", comm_label(comm));
}

int not_inter(const struct comm *comm)
{
    return error_note(MPI_ERR_COMM, "%s is not an inter-communicator", comm_label(comm));
}

int group_bad(const struct group *group)
{
    if (group == MPI_GROUP_NULL)
        return error_note(MPI_ERR_GROUP, "the group is MPI_GROUP_NULL");
    if (group && group->magic == FREED_MAGIC)
        return error_note(MPI_ERR_GROUP, "the group was freed");
    return error_note(MPI_ERR_GROUP, "%p is not a group", (const void *)group);
}

int type_bad(const struct datatype *type)
{
    if (type == MPI_DATATYPE_NULL)
        return error_note(MPI_ERR_TYPE, "the datatype is MPI_DATATYPE_NULL");
    if (type && type->magic == FREED_MAGIC)
        return error_note(MPI_ERR_TYPE, "the datatype was freed");
    return error_note(MPI_ERR_TYPE, "%p is not a datatype", (const void *)type);
}

int op_bad(const struct op *op)
{
    if (op == MPI_OP_NULL)
        return error_note(MPI_ERR_OP, "the operation is MPI_OP_NULL");
    if (op && op->magic == FREED_MAGIC)
        return error_note(MPI_ERR_OP, "the operation was freed");
    return error_note(MPI_ERR_OP, "%p is not an operation", (const void *)op);
}

int errhandler_bad(const struct errhandler *handler)
{
    if (handler == MPI_ERRHANDLER_NULL)
        return error_note(MPI_ERR_ARG, "the error handler is MPI_ERRHANDLER_NULL");
    if (handler && handler->magic == FREED_MAGIC)
        return error_note(MPI_ERR_ARG, "the error handler was freed");
    return error_note(MPI_ERR_ARG, "%p is not an error handler", (const void *)handler);
}

int info_bad(const struct info *info)
{
    if (info == MPI_INFO_NULL)
        return error_note(MPI_ERR_INFO, "the info object is MPI_INFO_NULL");
    if (info && info->magic == FREED_MAGIC)
        return error_note(MPI_ERR_INFO, "the info object was freed");
    return error_note(MPI_ERR_INFO, "%p is not an info object", (const void *)info);
}

static const char *type_label(const struct datatype *type)
{
    return type->name[0] ? type->name : "a derived datatype";
}

int data_bad(const void *buffer, int count, const struct datatype *type)
{
    if (count < 0)
        return error_note(MPI_ERR_COUNT, "the count is %d", count);
    if (!type_ok(type))
        return type_bad(type);
    if (!type->committed)
        return error_note(MPI_ERR_TYPE, "%s is not committed", type_label(type));
    return error_note(MPI_ERR_BUFFER, "the buffer is a null pointer, for %d of %s", count,
                      type_label(type));
}

static int rank_bad(const char *what, int rank, const struct comm *comm)
{
    return error_note(MPI_ERR_RANK, "%s %d is not in %s of %d ranks", what, rank, comm_label(comm),
                      comm->peers);
}

int send_bad(const void *buffer, int count, const struct datatype *type, int dest, int tag,
             const struct comm *comm)
{
    if (!comm_ok(comm))
        return comm_bad(comm);
    if (!data_ok(buffer, count, type))
        return data_bad(buffer, count, type);
    if (!rank_ok(dest, comm))
        return rank_bad("rank", dest, comm);
    return error_note(MPI_ERR_TAG, "the tag is %d; tags are 0 .. %d", tag, TAG_UB);
}

int probe_bad(int source, int tag, const struct comm *comm)
{
    if (!comm_ok(comm))
        return comm_bad(comm);
    if (!rank_ok(source, comm) && source != MPI_ANY_SOURCE)
        return rank_bad("source rank", source, comm);
    return error_note(MPI_ERR_TAG, "the tag is %d; tags are 0 .. %d, or MPI_ANY_TAG", tag, TAG_UB);
}

int recv_bad(const void *buffer, int count, const struct datatype *type, int source, int tag,
             const struct comm *comm)
{
    if (!probe_ok(source, tag, comm))
        return probe_bad(source, tag, comm);
    return data_bad(buffer, count, type);
}
