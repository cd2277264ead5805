/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/peer.c: what this process knows of each other one: credits, what waits to leave, and whether it is down.
 */
#include <errno.h>
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

/* All processes together may fill this much of a receiver's memory with messages that it has not received. */
enum { CREDIT_ALL = 64 << 20, CREDIT_LEAST = 32 << 10, CREDIT_MOST = 1 << 20 };

uint32_t peer_credit;
uint32_t peers_down;
static uint32_t peers_waiting; /* whose work is deferred */

static int peer_progress(struct am *am, struct am_work *work);

static void peer_defer(struct peer *peer)
{
    if (!peer->deferred) {
        peer->deferred = true;
        peers_waiting++;
        am_defer(core.am, &peer->work);
    }
}

static void peer_down(struct am *am, uint32_t process, const char *reason, void *context)
{
    struct peer *peer = &core.peers[process];

    if (process >= core.processes || peer->down)
        return;
    peer->down = true;
    peer->reason = strdup(reason);
    peers_down++;
    /* Its queue fails with -EHOSTDOWN when it is tried again. */
    peer_defer(peer);
    send_peer_down(peer);
    receive_peer_down(peer);
}

int peers_create(void)
{
    size_t bytes = core.processes * sizeof(struct peer);
    uint32_t share = CREDIT_ALL / core.processes;

    core.peers = aligned_alloc(_Alignof(struct peer), bytes);
    if (!core.peers)
        return -ENOMEM;
    memset(core.peers, 0, bytes);
    peer_credit = share < CREDIT_LEAST ? CREDIT_LEAST : share > CREDIT_MOST ? CREDIT_MOST : share;
    for (uint32_t i = 0; i < core.processes; i++) {
        struct peer *peer = &core.peers[i];

        peer->process = i;
        peer->credit = peer_credit;
        peer->last = &peer->first;
        peer->work.run = peer_progress;
    }
    am_on_peer_down(core.am, peer_down, NULL);
    return 0;
}

void peers_destroy(void)
{
    for (uint32_t i = 0; i < core.processes; i++)
        free(core.peers[i].reason);
    free(core.peers);
    core.peers = NULL;
}

bool peers_busy(void)
{
    return peers_waiting != 0;
}

int peer_error(const struct peer *peer)
{
    return error_note(ERR_OTHER, "process %u is down: %s", peer->process,
                      peer->reason ? peer->reason : "it was declared so");
}

struct peer *comm_peer_down(const struct comm *comm)
{
    for (int i = 0; peers_down != 0 && i < comm->peers; i++) {
        if (core.peers[comm->process[i]].down)
            return &core.peers[comm->process[i]];
    }
    return NULL;
}

/* ---- leaving ---------------------------------------------------------------------------------- */

static inline struct request *request_of_outgoing(struct outgoing *outgoing)
{
    return (struct request *)(void *)((char *)outgoing - offsetof(struct request, outgoing));
}

/* Try to send it; on any answer but -EAGAIN it is done with. */
static int outgoing_try(struct peer *peer, struct outgoing *outgoing)
{
    uint32_t owed = peer->owed;
    int error;

    /* What every message but CANCEL and CANCELLED has in its second argument. */
    if (outgoing->nargs > 1)
        outgoing->args[1] = (outgoing->args[1] & ~(uint64_t)UINT32_MAX) | owed;
    error = am_request(core.am, peer->process, outgoing->handler, outgoing->args, outgoing->nargs,
                       outgoing->payload, outgoing->length);
    if (error == -EAGAIN)
        return error;
    if (error == 0 && outgoing->nargs > 1)
        peer->owed -= owed;
    if (outgoing->handler == HANDLER_CREDIT)
        peer->credit_queued = false;
    if (outgoing->request)
        send_left(request_of_outgoing(outgoing), error);
    else
        memory_return(outgoing, sizeof(*outgoing));
    return 0;
}

/* Deferred work: send what waits, in order. */
static int peer_progress(struct am *am, struct am_work *work)
{
    struct peer *peer = (struct peer *)(void *)((char *)work - offsetof(struct peer, work));

    while (peer->first) {
        struct outgoing *outgoing = peer->first;
        struct outgoing *next = outgoing->next;

        if (outgoing_try(peer, outgoing) == -EAGAIN)
            return -EAGAIN;
        peer->first = next;
        if (!next)
            peer->last = &peer->first;
    }
    peers_waiting--;
    peer->deferred = false;
    return 0;
}

void peer_send_later(struct peer *peer, struct outgoing *outgoing)
{
    outgoing->next = NULL;
    *peer->last = outgoing;
    peer->last = &outgoing->next;
    peer_defer(peer);
}

void peer_send(struct peer *peer, struct outgoing *outgoing)
{
    if (peer->first || outgoing_try(peer, outgoing) == -EAGAIN)
        peer_send_later(peer, outgoing);
}

bool peer_unsend(struct peer *peer, struct outgoing *outgoing)
{
    for (struct outgoing **link = &peer->first; *link; link = &(*link)->next) {
        if (*link == outgoing) {
            *link = outgoing->next;
            if (peer->last == &outgoing->next)
                peer->last = link;
            return true;
        }
    }
    return false;
}

void peer_answer(struct peer *peer, enum handler handler, uint64_t name, bool in_handler)
{
    struct outgoing *outgoing = memory_take(sizeof(*outgoing));

    outgoing->args[0] = name;
    outgoing->args[1] = 0;
    outgoing->nargs = handler == HANDLER_CANCEL || handler == HANDLER_CANCELLED ? 1 : 2;
    outgoing->payload = NULL;
    outgoing->length = 0;
    outgoing->handler = (uint8_t)handler;
    outgoing->request = false;
    if (in_handler)
        peer_send_later(peer, outgoing);
    else
        peer_send(peer, outgoing);
}

void peer_return_slow(struct peer *peer, bool in_handler)
{
    /* What waits to leave will take the credit along. */
    if (peer->credit_queued || peer->first || peer->down)
        return;
    peer->credit_queued = true;
    peer_answer(peer, HANDLER_CREDIT, 0, in_handler);
}
