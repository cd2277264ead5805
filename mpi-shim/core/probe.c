/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/probe.c: Probe, Iprobe, Mprobe, Improbe. Hot: probe_now.
 *
 * What a probe reports lies in the unexpected queue, so a receive that follows takes that message at once.
 */
#include "mpi-shim/core/p2p.h"

static void status_of(const struct message *message, struct status *status)
{
    if (status) {
        status->source = message->match.source;
        status->tag = message->match.tag;
        status->cancelled = 0;
        status->count = message->length;
    }
}

static void status_proc_null(struct status *status)
{
    status_empty(status);
    if (status)
        status->source = PROC_NULL;
}

/* The message; or NULL after one look at the network, or (wait) when the peer is down, with *error. */
static inline struct message *probe(int source, int tag, struct comm *comm, bool wait, int *error)
{
    struct match_message *found;

    *error = 0;
    while (!(found = match_find(comm->match, source, tag))) {
        if (unlikely(peers_down != 0)) {
            struct peer *peer = source == ANY_SOURCE ? comm_peer_down(comm)
                                                     : &core.peers[comm->process[source]];

            if (peer && peer->down) {
                *error = peer_error(peer);
                return NULL;
            }
        }
        if (wait) {
            core_wait(
                &(struct waiting){.call = "MPI_Probe", .comm = comm, .source = source, .tag = tag});
            continue;
        }
        core_poll();
        found = match_find(comm->match, source, tag);
        return found ? message_of(found) : NULL;
    }
    return message_of(found);
}

static struct message *message_extract(struct comm *comm, struct message *message)
{
    match_take(comm->match, &message->match);
    message->comm = comm;
    comm_retain(comm);
    return message;
}

int probe_blocking(int source, int tag, struct comm *comm, struct status *status)
{
    struct message *message;
    int error;

    if (source == PROC_NULL) {
        status_proc_null(status);
        return 0;
    }
    core_lock();
    message = probe(source, tag, comm, true, &error);
    if (message)
        status_of(message, status);
    core_unlock();
    return error;
}

int probe_now(int source, int tag, struct comm *comm, int *flag, struct status *status)
{
    struct message *message;
    int error;

    if (unlikely(source == PROC_NULL)) {
        *flag = 1;
        status_proc_null(status);
        return 0;
    }
    core_lock();
    message = probe(source, tag, comm, false, &error);
    *flag = message != NULL;
    if (message)
        status_of(message, status);
    core_unlock();
    return error;
}

int mprobe_blocking(int source, int tag, struct comm *comm, struct message **taken,
                    struct status *status)
{
    struct message *message;
    int error;

    if (source == PROC_NULL) {
        *taken = core.predefined.message_none;
        status_proc_null(status);
        return 0;
    }
    core_lock();
    message = probe(source, tag, comm, true, &error);
    if (message) {
        status_of(message, status);
        *taken = message_extract(comm, message);
    }
    core_unlock();
    return error;
}

int mprobe_now(int source, int tag, struct comm *comm, int *flag, struct message **taken,
               struct status *status)
{
    struct message *message;
    int error;

    if (source == PROC_NULL) {
        *flag = 1;
        *taken = core.predefined.message_none;
        status_proc_null(status);
        return 0;
    }
    core_lock();
    message = probe(source, tag, comm, false, &error);
    *flag = message != NULL;
    if (message) {
        status_of(message, status);
        *taken = message_extract(comm, message);
    }
    core_unlock();
    return error;
}
