/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/waiting.c: what this process waits for, in words, when mpirun asks (--stall-report, SIGUSR1).
 *
 * Nothing is recorded for this but what core_wait is given, so that there is neither a time nor a place for each request:
 * all that is pending here is at least as old as the process has waited, which mpirun tells.
 */
#include <stdio.h>

#include "mpi-shim/core/p2p.h"

enum {
    SHOWN = 8,         /* pending operations of each kind, and messages that nobody has received */
    NAME = 80,         /* of a communicator */
    CONTEXTS = 1 << 12 /* looked through for them */
};

static const char *comm_text(const struct comm *comm, char text[NAME])
{
    if (!comm)
        snprintf(text, NAME, "no communicator");
    else if (comm->name[0])
        snprintf(text, NAME, "%.*s", MAX_OBJECT_NAME, comm->name);
    else
        snprintf(text, NAME, "a communicator of %d ranks (context %u)", comm->size, comm->context);
    return text;
}

static const char *context_text(uint32_t context, char text[NAME])
{
    const struct core_predefined *predefined = &core.predefined;
    const char *what = context & 1 ? ", collective" : "";

    if (context / 2 == predefined->world->context / 2)
        snprintf(text, NAME, "MPI_COMM_WORLD%s", what);
    else if (context / 2 == predefined->self->context / 2)
        snprintf(text, NAME, "MPI_COMM_SELF%s", what);
    else
        snprintf(text, NAME, "the communicator of context %u%s", context & ~1u, what);
    return text;
}

/* ` from 2 tag 7`; a number that is MPI_ANY_SOURCE or MPI_ANY_TAG in its name. */
static void peer_text(char *text, size_t size, const char *way, int peer, int tag)
{
    int length = peer == ANY_SOURCE ? snprintf(text, size, " %s MPI_ANY_SOURCE", way)
                                    : snprintf(text, size, " %s %d", way, peer);

    if (tag == ANY_TAG)
        snprintf(text + length, size - (size_t)length, " tag MPI_ANY_TAG");
    else
        snprintf(text + length, size - (size_t)length, " tag %d", tag);
}

static void request_text(char *text, size_t size, const struct request *request)
{
    if (request->kind == REQUEST_SEND)
        peer_text(text, size, "to", request->peer, request->tag);
    else if (request->kind == REQUEST_RECV && request->phase == PHASE_POSTED)
        peer_text(text, size, "from", request->posted.source, request->posted.tag);
    else if (request->kind == REQUEST_RECV || request->kind == REQUEST_MATCHED)
        snprintf(text, size, " for the bytes of a message from process %u", request->process);
    else if (request->kind == REQUEST_GENERALIZED)
        snprintf(text, size, " for a generalized request");
    else
        *text = '\0';
}

/* `in MPI_Recv from 2 tag 7 on MPI_COMM_WORLD`. The message that a collective call waits for is not among it: ranks that
 * are in the same call are told together. */
static void tell_call(struct am *am, const struct waiting *waiting)
{
    const struct request *request = NULL;
    const struct comm *comm = waiting->comm;
    char on[NAME], which[96] = "", more[40] = "";
    int pending = 0;

    for (int i = 0; i < waiting->count; i++) {
        if (waiting->requests[i]->complete)
            continue;
        if (pending++ == 0)
            request = waiting->requests[i];
    }
    if (request)
        comm = request->comm;
    if (!waiting->call) {
        am_tell(am, "in %s on %s", call_name(comm ? comm->calls.current : 0), comm_text(comm, on));
        if (request && request->kind == REQUEST_SEND) {
            request_text(which, sizeof(which), request);
            am_tell(am, "its send%s has not ended", which);
        }
        return;
    }
    if (request)
        request_text(which, sizeof(which), request);
    else if (comm)
        peer_text(which, sizeof(which), "from", waiting->source, waiting->tag);
    if (pending > 1)
        snprintf(more, sizeof(more), ", and for %d more", pending - 1);
    if (comm)
        am_tell(am, "in %s%s on %s%s", waiting->call, which, comm_text(comm, on), more);
    else
        am_tell(am, "in %s%s%s", waiting->call, which, more);
}

/* ---- what is pending ---------------------------------------------------------------------------- */

struct shown {
    struct am *am;
    uint32_t context;
    size_t seen;
};

static bool tell_posted(struct match_posted *posted, void *context)
{
    struct shown *shown = context;
    const struct request *request = request_of(posted);
    char on[NAME], which[96];

    if (shown->seen++ >= SHOWN)
        return true;
    peer_text(which, sizeof(which), "from", posted->source, posted->tag);
    am_tell(shown->am, "pending receive%s on %s%s", which, comm_text(request->comm, on),
            shown->context & 1 ? ", collective" : "");
    return false;
}

static void tell_named(struct request *request, void *context)
{
    struct shown *shown = context;
    char on[NAME], which[96];

    if (request->kind != REQUEST_SEND || shown->seen++ >= SHOWN)
        return;
    request_text(which, sizeof(which), request);
    am_tell(shown->am, "pending send%s, %zu bytes, on %s, %s", which, request->length,
            comm_text(request->comm, on),
            request->phase == PHASE_QUEUED ? "not sent yet for want of room" : "not received yet");
}

static bool tell_message(struct match_message *match, void *context)
{
    struct shown *shown = context;
    const struct message *message = message_of(match);
    char on[NAME];

    if (shown->seen++ >= SHOWN)
        return true;
    am_tell(shown->am, "unexpected message from %d tag %d, %zu bytes, on %s", match->source,
            match->tag, message->length, context_text(shown->context, on));
    return false;
}

static void tell_pending(struct am *am)
{
    struct shown posted = {.am = am}, sends = {.am = am}, messages = {.am = am};
    uint32_t contexts = core.contexts < CONTEXTS ? core.contexts : CONTEXTS;
    size_t receives = 0, unexpected = 0;

    for (uint32_t i = 0; i < contexts; i++) {
        if (!core.context[i])
            continue;
        receives += match_waiting(core.context[i]);
        unexpected += match_unexpected(core.context[i]);
    }
    if (receives || unexpected)
        am_tell(am, "receives pending: %zu; messages that nobody has received: %zu", receives,
                unexpected);
    for (uint32_t i = 0; i < contexts && posted.seen < SHOWN; i++) {
        posted.context = i;
        if (core.context[i])
            match_each_posted(core.context[i], tell_posted, &posted);
    }
    for (uint32_t i = 0, told = 0; peers_busy() && i < core.processes && told < SHOWN; i++) {
        if (core.peers[i].first) {
            am_tell(am, "messages to process %u wait for room at its end", i);
            told++;
        }
    }
    request_each_named(tell_named, &sends);
    if (sends.seen > SHOWN)
        am_tell(am, "%zu more sends pending", sends.seen - SHOWN);
    for (uint32_t i = 0; i < contexts && messages.seen < SHOWN; i++) {
        messages.context = i;
        if (core.context[i])
            match_each_message(core.context[i], tell_message, &messages);
    }
}

/* ---- the answer --------------------------------------------------------------------------------- */

static bool answer(struct am *am, void *context)
{
    bool waits = core.waiting || core.finalized;

    if (core.finalized)
        am_tell(am, "in MPI_Finalize");
    else if (core.waiting)
        tell_call(am, core.waiting);
    else
        am_tell(am, "not in a call that waits: it tests, probes or computes");
    if (core.finalized)
        return waits;
    for (const struct waiting *other = core.waiting ? core.waiting->next : NULL; other;
         other = other->next) {
        am_tell(am, "another thread is");
        tell_call(am, other);
    }
    tell_pending(am);
    return waits;
}

void waiting_answer(void)
{
    am_on_query(core.am, answer, NULL);
}
