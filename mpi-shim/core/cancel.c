/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/cancel.c: MPI_Cancel (MPI 3.1 section 3.8.4).
 *
 * A receive is cancelled while it has no message. A send is cancelled while it waits to leave; or, when it waits for its
 * receiver (synchronous, or a rendezvous), by asking: the receiver forgets it unless it was received,
 * in which case the answer to the send is already on its way. An eager send that has left is complete and stays so.
 */
#include "mpi-shim/core/completion.h"
#include "mpi-shim/core/p2p.h"

static void cancelled(struct request *request)
{
    request->status.cancelled = 1;
    request->phase = PHASE_IDLE;
    request_complete(request);
}

static void receive_cancel(struct request *request)
{
    if (request->phase != PHASE_POSTED)
        return;
    match_cancel(request->flags & REQUEST_COLLECTIVE_CONTEXT ? request->comm->coll_match
                                                             : request->comm->match,
                 &request->posted);
    status_empty(&request->status);
    cancelled(request);
}

static void send_cancel(struct request *request)
{
    struct peer *peer = &core.peers[request->process];

    if (request->phase == PHASE_QUEUED && peer_unsend(peer, &request->outgoing)) {
        if (request->outgoing.handler == HANDLER_RENDEZVOUS)
            am_conceal(core.am, &request->memory);
        else
            peer->credit += (uint32_t)request->length + MESSAGE_COST;
        if (request->name)
            request_unname(request);
        cancelled(request);
    } else if (request->phase == PHASE_SENT && request->name && !request->cancelling) {
        request->cancelling = true;
        peer_answer(peer, HANDLER_CANCEL, request->name, false);
    }
}

void request_withdraw(struct request *request)
{
    if (request->kind == REQUEST_RECV)
        receive_cancel(request);
    else if (request->kind == REQUEST_SEND)
        send_cancel(request);
}

int request_cancel(struct request *request)
{
    int error = 0;

    core_lock();
    if (!request_valid(request) || request == core.predefined.request_null) {
        core_unlock();
        return error_note(ERR_REQUEST, "the handle is no request, or one that was freed");
    }
    if (request->kind == REQUEST_GENERALIZED && request->active) {
        int (*cancel)(void *, int) = request->generalized.cancel;
        void *state = request->generalized.state;
        int complete = request->complete;

        core_unlock();
        return cancel ? cancel(state, complete) : 0;
    }
    if (!request->active) {
        error = error_note(ERR_REQUEST, "the request is not active");
    } else if (request->kind == REQUEST_COLLECTIVE) {
        request_blame(request);
        error = error_note(ERR_REQUEST, "a collective operation cannot be cancelled");
    } else if (!request->complete) {
        request_withdraw(request);
    }
    core_unlock();
    return error;
}
