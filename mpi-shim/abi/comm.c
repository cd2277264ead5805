/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/comm.c: communicators (MPI 3.1 chapter 6).
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

int PMPI_Comm_rank(MPI_Comm comm, int *rank)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, rank);
    *rank = comm->rank;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_rank);

int PMPI_Comm_size(MPI_Comm comm, int *size)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, size);
    *size = comm->size;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_size);

int PMPI_Comm_test_inter(MPI_Comm comm, int *flag)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, flag);
    *flag = comm->remote != NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_test_inter);

static int no_remote(const struct comm *comm)
{
    return error_note(MPI_ERR_COMM, "%s is not an inter-communicator", comm_label(comm));
}

int PMPI_Comm_remote_size(MPI_Comm comm, int *size)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, size);
    if (!comm->remote)
        return raise_comm(comm, CALL, no_remote(comm));
    *size = comm->remote->size;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_remote_size);

int PMPI_Comm_group(MPI_Comm comm, MPI_Group *group)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, group);
    *group = group_retain(comm->group);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_group);

int PMPI_Comm_remote_group(MPI_Comm comm, MPI_Group *group)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, group);
    if (!comm->remote)
        return raise_comm(comm, CALL, no_remote(comm));
    *group = group_retain(comm->remote);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_remote_group);

int PMPI_Comm_compare(MPI_Comm a, MPI_Comm b, int *result)
{
    CHECK_COMM(a);
    CHECK_COMM(b);
    CHECK_NOT_NULL_COMM(a, result);
    FINISH_COMM(a, comm_compare(a, b, result));
}
EXPORT(MPI_Comm_compare);

/* ---- making and freeing ----------------------------------------------------------------------------- */

/* The core gives NULL to who is not a member. */
static int made(struct comm *comm, const char *call, int error, MPI_Comm *out, struct comm *new)
{
    if (error)
        return raise_comm(comm, call, error);
    *out = new ? new : MPI_COMM_NULL;
    return MPI_SUCCESS;
}

int PMPI_Comm_dup(MPI_Comm comm, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    comm->call = CALL;
    error = comm_dup(comm, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_dup);

int PMPI_Comm_dup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (info != MPI_INFO_NULL && !info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    comm->call = CALL;
    error = comm_dup(comm, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_dup_with_info);

int PMPI_Comm_create(MPI_Comm comm, MPI_Group group, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (!group_ok(group))
        return raise_comm(comm, CALL, group_bad(group));
    comm->call = CALL;
    error = comm_create(comm, group, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_create);

int PMPI_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (!group_ok(group))
        return raise_comm(comm, CALL, group_bad(group));
    if (tag < 0)
        return FAIL_COMM(comm, MPI_ERR_TAG, "the tag is %d", tag);
    comm->call = CALL;
    error = comm_create_group(comm, group, tag, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_create_group);

int PMPI_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (color < 0 && color != MPI_UNDEFINED)
        return FAIL_COMM(comm, MPI_ERR_ARG, "the color is %d", color);
    comm->call = CALL;
    error = comm_split(comm, color, key, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_split);

/* MPI_COMM_TYPE_SHARED: a node's ranks. Open MPI's own kinds describe hardware that Caravan does not look at. */
int PMPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error, node;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (info != MPI_INFO_NULL && !info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    node = (int)am_node(core.am, core.self);
    if (type != MPI_COMM_TYPE_SHARED && type != MPI_UNDEFINED)
        return FAIL_COMM(comm, MPI_ERR_ARG, "the split type is %d; there is MPI_COMM_TYPE_SHARED",
                         type);
    comm->call = CALL;
    error = comm_split(comm, type == MPI_UNDEFINED ? MPI_UNDEFINED : node, key, &new);
    return made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_split_type);

static int comm_end(const char *call, MPI_Comm *handle)
{
    struct comm *comm = *handle;
    int error;

    if (!comm_ok(comm))
        return raise_comm(comm, call, comm_bad(comm));
    if (comm->predefined)
        return raise_comm(
            comm, call,
            error_note(MPI_ERR_COMM, "%s is predefined and cannot be freed", comm_label(comm)));
    error = attributes_delete(OBJECT_COMM, comm, &comm->attributes);
    if (error)
        return raise_comm(comm, call, error);
    handle_forget(HANDLE_COMM, comm);
    error = comm_free(comm);
    if (error)
        return raise_world(call, error);
    *handle = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

int PMPI_Comm_free(MPI_Comm *comm)
{
    CHECK_NOT_NULL(comm);
    return comm_end(CALL, comm);
}
EXPORT(MPI_Comm_free);

/* ---- hints ------------------------------------------------------------------------------------------ */

/* No hint changes anything here, so none is kept: what MPI_Comm_get_info tells is those in use. */
int PMPI_Comm_set_info(MPI_Comm comm, MPI_Info info)
{
    CHECK_COMM(comm);
    if (!info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_set_info);

int PMPI_Comm_get_info(MPI_Comm comm, MPI_Info *info)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, info);
    FINISH_COMM(comm, info_create(NULL, info));
}
EXPORT(MPI_Comm_get_info);

/* ---- names ------------------------------------------------------------------------------------------ */

int PMPI_Comm_set_name(MPI_Comm comm, const char *name)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, name);
    snprintf(comm->name, sizeof(comm->name), "%s", name);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_set_name);

int PMPI_Comm_get_name(MPI_Comm comm, char *name, int *length)
{
    CHECK_NOT_NULL(name);
    CHECK_NOT_NULL(length);
    if (comm == MPI_COMM_NULL && core.initialized) {
        *length = snprintf(name, MPI_MAX_OBJECT_NAME, "MPI_COMM_NULL");
        return MPI_SUCCESS;
    }
    CHECK_COMM(comm);
    *length = snprintf(name, MPI_MAX_OBJECT_NAME, "%s", comm->name);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_get_name);

/* Nothing was spawned: no process has a parent. */
int PMPI_Comm_get_parent(MPI_Comm *parent)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(parent);
    *parent = MPI_COMM_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_get_parent);
