/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/persistent.c: persistent requests (MPI 3.1 section 3.9). Inactive, they are complete with the empty status.
 */
#include "mpi-shim/core/completion.h"
#include "mpi-shim/core/p2p.h"

static struct request *persistent_get(enum request_kind kind, void *buffer, size_t count,
                                      struct datatype *type, int peer, int tag, struct comm *comm)
{
    struct request *request = request_get(kind);

    request->flags |= REQUEST_PERSISTENT;
    request->complete = true;
    request->active = false;
    request->comm = comm;
    comm_retain(comm);
    request->user = buffer;
    request->count = count;
    request->type = type;
    datatype_retain(type);
    request->peer = peer;
    request->tag = tag;
    return request;
}

int send_init(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
              int dest, int tag, struct comm *comm, struct request **made)
{
    core_lock();
    *made = persistent_get(REQUEST_SEND, (void *)(uintptr_t)buffer, count, type, dest, tag, comm);
    (*made)->mode = (uint8_t)mode;
    core_unlock();
    return 0;
}

int recv_init(void *buffer, size_t count, struct datatype *type, int source, int tag,
              struct comm *comm, struct request **made)
{
    core_lock();
    *made = persistent_get(REQUEST_RECV, buffer, count, type, source, tag, comm);
    core_unlock();
    return 0;
}

static int start(struct request *request)
{
    int error;

    if (!request_valid(request) || !(request->flags & REQUEST_PERSISTENT) || request->active)
        return error_note(ERR_REQUEST, "the handle is no inactive persistent request");
    request->active = true;
    request->complete = false;
    request->status.error = 0;
    request->status.cancelled = 0;
    request->cancelling = false;
    if (request->kind == REQUEST_COLLECTIVE) {
        schedule_restart(request->schedule);
    } else if (request->peer == PROC_NULL) {
        status_empty(&request->status);
        request->status.source = PROC_NULL;
        request_complete(request);
    } else if (request->kind == REQUEST_RECV) {
        receive_fill(request, request->user, request->count, request->type);
        receive_begin(request, request->comm->match, request->peer, request->tag);
    } else if (request->mode != SEND_BUFFERED) {
        send_fill(request, request->mode, request->user, request->count, request->type,
                  request->peer, request->tag, request->comm);
        send_begin(request);
    } else {
        status_empty(&request->status);
        request->status.count = request->count * request->type->size;
        core_unlock();
        error = buffered_send(request->user, request->count, request->type, request->peer,
                              request->tag, request->comm);
        core_lock();
        if (error) {
            request->active = false;
            request->complete = true;
            return error;
        }
        request_complete(request);
    }
    return 0;
}

int request_start(struct request *request)
{
    int error;

    core_lock();
    error = start(request);
    core_unlock();
    return error;
}

int request_startall(int count, struct request **requests)
{
    int error = 0;

    core_lock();
    for (int i = 0; i < count && error == 0; i++)
        error = start(requests[i]);
    core_unlock();
    return error;
}
