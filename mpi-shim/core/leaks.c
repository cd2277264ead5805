/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/leaks.c: what a program leaves behind at MPI_Finalize: requests, and messages that it never received.
 */
#include <stdio.h>

#include "mpi-shim/core/p2p.h"

enum { LINE = 256 };

static const char *comm_text(const struct comm *comm)
{
    return comm && comm->name[0] ? comm->name : "a communicator without a name";
}

/* The call that made it. */
static const char *request_call(const struct request *request)
{
    static const char *const sends[] = {"MPI_Isend", "MPI_Issend", "MPI_Irsend", "MPI_Ibsend"};
    static const char *const persistent_sends[] = {"MPI_Send_init", "MPI_Ssend_init",
                                                   "MPI_Rsend_init", "MPI_Bsend_init"};
    bool persistent = request->flags & REQUEST_PERSISTENT;

    switch (request->kind) {
    case REQUEST_SEND:
        return persistent ? persistent_sends[request->mode] : sends[request->mode];
    case REQUEST_RECV:
        return persistent ? "MPI_Recv_init" : "MPI_Irecv";
    case REQUEST_MATCHED:
        return "MPI_Imrecv";
    case REQUEST_GENERALIZED:
        return "MPI_Grequest_start";
    default:
        return "a nonblocking collective";
    }
}

/* With whom, where that is known. */
static void request_partner(const struct request *request, char *text, size_t size)
{
    bool send = request->kind == REQUEST_SEND;
    int peer = request->peer, tag = request->tag;
    char rank[32] = "any rank", number[32] = "any tag";

    text[0] = '\0';
    if (request->kind != REQUEST_RECV && !send)
        return;
    if (!send && !(request->flags & REQUEST_PERSISTENT)) {
        peer = request->complete ? request->status.source : request->posted.source;
        tag = request->complete ? request->status.tag : request->posted.tag;
    }
    if (peer != ANY_SOURCE)
        snprintf(rank, sizeof(rank), "rank %d", peer);
    if (tag != ANY_TAG)
        snprintf(number, sizeof(number), "tag %d", tag);
    snprintf(text, size, " %s %s, %s", send ? "to" : "from", rank, number);
}

struct telling {
    core_say *say;
    uint64_t told;
};

static void request_tell(struct request *request, void *context)
{
    struct telling *telling = context;
    char text[LINE], partner[64];
    const char *state = "never completed";

    if (!(request->flags & (REQUEST_COUNTED | REQUEST_PERSISTENT)))
        return;
    telling->told += request->complete && request->active;
    if (request->flags & REQUEST_PERSISTENT && !request->active)
        state = "not freed by MPI_Request_free";
    else if (request->complete)
        state = "complete, but no MPI_Wait or MPI_Test asked for it";
    request_partner(request, partner, sizeof(partner));
    snprintf(text, sizeof(text), "the request of %s%s%s%s: %s", request_call(request), partner,
             request->comm ? ", on " : "", request->comm ? comm_text(request->comm) : "", state);
    telling->say(text);
}

void requests_tell(core_say *say)
{
    struct telling telling = {.say = say};
    char text[LINE];

    core_lock();
    request_each(request_tell, &telling);
    /* All sends that were complete at once have the same request. */
    if (core.completed > telling.told) {
        snprintf(text, sizeof(text),
                 "%llu sends that were complete at once: no MPI_Wait or MPI_Test "
                 "asked for them",
                 (unsigned long long)(core.completed - telling.told));
        say(text);
    }
    core_unlock();
}

struct unreceived {
    core_say *say;
    const struct comm *comm;
};

static bool message_tell(struct match_message *match, void *context)
{
    const struct unreceived *unreceived = context;
    const struct message *message = message_of(match);
    char text[LINE];

    snprintf(text, sizeof(text),
             "a message of %zu bytes from rank %d, tag %d, on %s was never received",
             message->length, match->source, match->tag, comm_text(unreceived->comm));
    unreceived->say(text);
    return false;
}

void messages_tell(const struct comm *comm, core_say *say)
{
    struct unreceived unreceived = {say, comm};

    core_lock();
    match_each_message(comm->match, message_tell, &unreceived);
    core_unlock();
}
