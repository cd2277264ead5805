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

int PMPI_Comm_remote_size(MPI_Comm comm, int *size)
{
    CHECK_INTER(comm);
    CHECK_NOT_NULL_COMM(comm, size);
    *size = comm->remote->size;
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_remote_size);

int PMPI_Comm_group(MPI_Comm comm, MPI_Group *group)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, group);
    *group = group_retain(comm->group);
    handle_given(HANDLE_GROUP, *group, CALL);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_group);

int PMPI_Comm_remote_group(MPI_Comm comm, MPI_Group *group)
{
    CHECK_INTER(comm);
    CHECK_NOT_NULL_COMM(comm, group);
    *group = group_retain(comm->remote);
    handle_given(HANDLE_GROUP, *group, CALL);
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

int comm_made(struct comm *comm, const char *call, int error, MPI_Comm *out, struct comm *made)
{
    if (error) {
        /* The other ranks' calls were others. */
        if (made)
            comm_free(made);
        return raise_comm(comm, call, error);
    }
    *out = made ? made : MPI_COMM_NULL;
    handle_given(HANDLE_COMM, made, call);
    return MPI_SUCCESS;
}

int PMPI_Comm_dup(MPI_Comm comm, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    call_enter(comm, CALL_COMM_DUP, 0, 0);
    error = call_leave(comm, comm_dup(comm, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_dup);

int PMPI_Comm_idup(MPI_Comm comm, MPI_Comm *out, MPI_Request *request)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    CHECK_NOT_NULL_COMM(comm, request);
    error = comm_idup(comm, &new, request);
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_idup);

int PMPI_Comm_dup_with_info(MPI_Comm comm, MPI_Info info, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (info != MPI_INFO_NULL && !info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    call_enter(comm, CALL_COMM_DUP, 0, 0);
    error = call_leave(comm, comm_dup(comm, &new));
    return comm_made(comm, CALL, error, out, new);
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
    call_enter(comm, CALL_COMM_CREATE, 0, 0);
    error = call_leave(comm, comm_create(comm, group, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_create);

int PMPI_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_INTRA(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (!group_ok(group))
        return raise_comm(comm, CALL, group_bad(group));
    if (tag < 0)
        return FAIL_COMM(comm, MPI_ERR_TAG, "the tag is %d", tag);
    error = comm_create_group(comm, group, tag, &new);
    return comm_made(comm, CALL, error, out, new);
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
    call_enter(comm, CALL_COMM_SPLIT, 0, 0);
    error = call_leave(comm, comm_split(comm, color, key, &new));
    return comm_made(comm, CALL, error, out, new);
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
    call_enter(comm, CALL_COMM_SPLIT, 0, 0);
    error = call_leave(comm,
                       comm_split(comm, type == MPI_UNDEFINED ? MPI_UNDEFINED : node, key, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Comm_split_type);

static int comm_end(const char *call, MPI_Comm *handle, int (*end)(struct comm *))
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
    handle_returned(HANDLE_COMM, comm);
    error = end(comm);
    if (error)
        return raise_world(call, error);
    *handle = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

int PMPI_Comm_free(MPI_Comm *comm)
{
    CHECK_NOT_NULL(comm);
    return comm_end(CALL, comm, comm_free);
}
EXPORT(MPI_Comm_free);

int PMPI_Comm_disconnect(MPI_Comm *comm)
{
    CHECK_NOT_NULL(comm);
    return comm_end(CALL, comm, comm_disconnect);
}
EXPORT(MPI_Comm_disconnect);

/* ---- inter-communicators ---------------------------------------------------------------------------- */

/* The bridge and the remote leader matter in the local leader only. */
int PMPI_Intercomm_create(MPI_Comm comm, int leader, MPI_Comm bridge, int remote_leader, int tag,
                          MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_INTRA(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    if (leader < 0 || leader >= comm->size)
        return FAIL_COMM(comm, MPI_ERR_RANK, "the local leader %d is not in %s of %d ranks", leader,
                         comm_label(comm), comm->size);
    if (tag < 0)
        return FAIL_COMM(comm, MPI_ERR_TAG, "the tag is %d", tag);
    if (comm->rank == leader) {
        if (!comm_ok(bridge))
            return raise_comm(comm, CALL, comm_bad(bridge));
        if (remote_leader < 0 || remote_leader >= bridge->peers)
            return FAIL_COMM(comm, MPI_ERR_RANK, "the remote leader %d is not in %s of %d ranks",
                             remote_leader, comm_label(bridge), bridge->peers);
    }
    call_enter(comm, CALL_INTERCOMM_CREATE, 0, 0);
    error = call_leave(comm, intercomm_create(comm, leader, bridge, remote_leader, tag, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Intercomm_create);

int PMPI_Intercomm_merge(MPI_Comm comm, int high, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_INTER(comm);
    CHECK_NOT_NULL_COMM(comm, out);
    call_enter(comm, CALL_INTERCOMM_MERGE, 0, 0);
    error = call_leave(comm, intercomm_merge(comm, high != 0, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Intercomm_merge);

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
    FINISH_GIVEN(HANDLE_INFO, info_create(NULL, info), info);
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
