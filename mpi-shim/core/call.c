/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/call.c: collective calls of ranks that do not fit together (call.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

enum {
    PATIENCE = 100000000
}; /* ns that a rank waits at least, and twice that at most, before it asks */

static const char *const names[CALLS] = {
    [CALL_NONE] = "a collective call",
    [CALL_ALLGATHER] = "MPI_Allgather",
    [CALL_ALLGATHERV] = "MPI_Allgatherv",
    [CALL_ALLREDUCE] = "MPI_Allreduce",
    [CALL_ALLTOALL] = "MPI_Alltoall",
    [CALL_ALLTOALLV] = "MPI_Alltoallv",
    [CALL_ALLTOALLW] = "MPI_Alltoallw",
    [CALL_BARRIER] = "MPI_Barrier",
    [CALL_BCAST] = "MPI_Bcast",
    [CALL_CART_CREATE] = "MPI_Cart_create",
    [CALL_CART_SUB] = "MPI_Cart_sub",
    [CALL_COMM_CREATE] = "MPI_Comm_create",
    [CALL_COMM_DUP] = "MPI_Comm_dup",
    [CALL_COMM_SPLIT] = "MPI_Comm_split",
    [CALL_DIST_GRAPH_CREATE] = "MPI_Dist_graph_create",
    [CALL_EXSCAN] = "MPI_Exscan",
    [CALL_GATHER] = "MPI_Gather",
    [CALL_GATHERV] = "MPI_Gatherv",
    [CALL_GRAPH_CREATE] = "MPI_Graph_create",
    [CALL_INTERCOMM_CREATE] = "MPI_Intercomm_create",
    [CALL_INTERCOMM_MERGE] = "MPI_Intercomm_merge",
    [CALL_NEIGHBOR_ALLGATHER] = "MPI_Neighbor_allgather",
    [CALL_NEIGHBOR_ALLGATHERV] = "MPI_Neighbor_allgatherv",
    [CALL_NEIGHBOR_ALLTOALL] = "MPI_Neighbor_alltoall",
    [CALL_NEIGHBOR_ALLTOALLV] = "MPI_Neighbor_alltoallv",
    [CALL_NEIGHBOR_ALLTOALLW] = "MPI_Neighbor_alltoallw",
    [CALL_REDUCE] = "MPI_Reduce",
    [CALL_REDUCE_SCATTER] = "MPI_Reduce_scatter",
    [CALL_REDUCE_SCATTER_BLOCK] = "MPI_Reduce_scatter_block",
    [CALL_SCAN] = "MPI_Scan",
    [CALL_SCATTER] = "MPI_Scatter",
    [CALL_SCATTERV] = "MPI_Scatterv",
};

/* ---- words -------------------------------------------------------------------------------------- */

static unsigned word_number(uint64_t word)
{
    return (unsigned)(word >> CALL_NUMBER_SHIFT);
}

static int word_root(uint64_t word)
{
    return (int)(word & CALL_ROOT_MASK);
}

static enum call word_call(uint64_t word)
{
    uint32_t call = (uint32_t)word >> CALL_ROOT_BITS & CALL_MASK;

    return call < CALLS ? (enum call)call : CALL_NONE;
}

/* Only the low bits of a call's number travels. */
static uint64_t number_of(const struct calls *calls, uint64_t word)
{
    int64_t ahead = (int64_t)((word_number(word) - calls->count) << CALL_NUMBER_SHIFT);

    return calls->count + (uint64_t)(ahead >> CALL_NUMBER_SHIFT);
}

/* The word of this process's own call with the number of `said`; `expected` where that is not known. */
static uint64_t own_word(const struct comm *comm, uint64_t said, uint64_t expected)
{
    uint64_t before = comm->calls.before;

    return before && word_number(said) != word_number(expected) &&
                   word_number(said) == word_number(before)
               ? before
               : expected;
}

const char *call_name(uint64_t word)
{
    return names[word_call(word)];
}

int call_compare(const struct comm *comm, uint64_t said, uint64_t expected)
{
    uint64_t own;

    if (said == expected || !said || !expected)
        return 0;
    own = own_word(comm, said, expected);
    if (said == own || word_number(said) != word_number(own) || word_call(said) != word_call(own))
        return ERR_OTHER;
    return word_root(said) == word_root(own) ? ERR_COUNT : ERR_ROOT;
}

/* MPI_PROC_NULL: beside the root, in its group of an inter-communicator. */
static void root_text(char text[16], uint64_t word)
{
    if (word_root(word) == (PROC_NULL & CALL_ROOT_MASK))
        snprintf(text, 16, "MPI_PROC_NULL");
    else
        snprintf(text, 16, "%d", word_root(word));
}

int call_explain(const struct comm *comm, int rank, uint64_t said, uint64_t expected)
{
    uint64_t own = own_word(comm, said, expected);
    const char *when = own == expected ? "" : ", in the collective call before";
    char theirs[16], ours[16];

    if (said == expected)
        return error_note(
            ERR_OTHER,
            "rank %d has left %s, maybe with an error, but not all messages between it "
            "and this rank were sent and received; have all ranks the same counts "
            "and types?",
            rank, call_name(said));
    if (said == own)
        return error_note(
            ERR_OTHER,
            "rank %d sent a message of %s, the collective call before, that this rank "
            "did not receive; had all ranks the same counts and types?",
            rank, call_name(said));
    if (word_number(said) != word_number(own))
        return error_note(ERR_OTHER,
                          "rank %d is in collective call %u on the communicator, %s, this rank in "
                          "call %u, %s: one has left out or repeated a call",
                          rank, word_number(said), call_name(said), word_number(own),
                          call_name(own));
    if (word_call(said) != word_call(own))
        return error_note(ERR_OTHER, "rank %d is in %s, this rank in %s%s", rank, call_name(said),
                          call_name(own), when);
    if (word_root(said) == word_root(own))
        return error_note(
            ERR_COUNT,
            "rank %d has another count or type in %s than this rank%s: it makes other "
            "bytes",
            rank, call_name(said), when);
    root_text(theirs, said);
    root_text(ours, own);
    return error_note(ERR_ROOT, "rank %d names %s as root of %s, this rank %s%s", rank, theirs,
                      call_name(said), ours, when);
}

/* ---- telling a peer ----------------------------------------------------------------------------- */

static void tell(uint32_t process, enum handler handler, uint64_t first, uint64_t third,
                 uint64_t fourth, bool in_handler)
{
    struct outgoing *outgoing = memory_take(sizeof(*outgoing));
    struct peer *peer = &core.peers[process];

    *outgoing = (struct outgoing){.args = {first, 0, third, fourth},
                                  .handler = (uint8_t)handler,
                                  .nargs = handler == HANDLER_ANSWER ? 4 : 3};
    if (in_handler)
        peer_send_later(peer, outgoing);
    else
        peer_send(peer, outgoing);
}

void call_refuse(struct message *message, uint64_t word, bool in_handler)
{
    if (message->kind != MESSAGE_RENDEZVOUS)
        return;
    message->kind = MESSAGE_REFUSED;
    tell(message->process, HANDLER_REFUSED, message->sender_id, word, 0, in_handler);
}

/* ---- questions of others ------------------------------------------------------------------------ */

struct question {
    struct question *next;
    uint32_t process;
    uint64_t word; /* of the call that the process is in */
};

struct asked {
    const struct comm *comm;
    uint32_t process;
    uint64_t word;
    uint64_t own;
    struct request *found;
};

static bool refuse_unfit(struct match_message *match, void *context)
{
    struct message *message = message_of(match);
    const struct asked *asked = context;

    if (message->process == asked->process && message->called == asked->word)
        call_refuse(message, asked->own, true);
    return false;
}

/* Answer, if there is something to say: true. What the other one has sent in its call is not received any more. */
static bool question_answer(const struct comm *comm, uint32_t process, uint64_t word,
                            bool in_handler)
{
    const struct calls *calls = &comm->calls;
    uint64_t number = number_of(calls, word);
    struct asked asked = {.comm = comm, .process = process, .word = word};

    if (number > calls->count)
        return false;
    if (number == calls->count)
        asked.own = calls->current;
    else if (number + 1 == calls->count)
        asked.own = calls->before;
    if (number == calls->count && calls->inside && !call_compare(comm, word, asked.own))
        return false;
    match_each_message(comm->coll_match, refuse_unfit, &asked);
    tell(process, HANDLER_ANSWER, comm->context + 1, word, asked.own, in_handler);
    return true;
}

static void questions_answer(struct comm *comm)
{
    struct question **link = &comm->calls.pending;

    while (*link) {
        struct question *question = *link;

        if (question_answer(comm, question->process, question->word, false)) {
            *link = question->next;
            free(question);
        } else {
            link = &question->next;
        }
    }
    comm->calls.more = comm->remote || comm->calls.pending;
}

void questions_drop(struct calls *calls)
{
    while (calls->pending) {
        struct question *question = calls->pending;

        calls->pending = question->next;
        free(question);
    }
}

/* NULL: it was freed, or is being made. Which of both cannot be told, so that such questions have no answer. */
static struct comm *comm_of_context(uint64_t context)
{
    return context < core.contexts && core.context[context] ? match_owner(core.context[context])
                                                            : NULL;
}

static void on_ask(struct am *am, const struct am_message *arrived, void *context)
{
    struct question *question;
    struct comm *comm;

    if (unlikely(arrived->nargs != 3))
        protocol_error(arrived, "a question without its arguments");
    core.peers[arrived->source].credit += (uint32_t)arrived->args[1];
    comm = comm_of_context(arrived->args[0]);
    if (!comm || question_answer(comm, arrived->source, arrived->args[2], true))
        return;
    question = memory_get(sizeof(*question));
    *question = (struct question){comm->calls.pending, arrived->source, arrived->args[2]};
    comm->calls.pending = question;
    comm->calls.more = true;
}

/* ---- entering and leaving ----------------------------------------------------------------------- */

void call_enter_slow(struct comm *comm, enum call call, int root)
{
    struct calls *calls = &comm->calls;

    core_lock();
    if (comm->remote) {
        struct calls *local = &comm->local->calls;

        /* The root is known by its rank in both groups; who is beside it sends nothing. The groups differ in their bytes. */
        calls->current = call_word(call, root == ROOT ? comm->rank : root, 0, calls->count);
        local->count = calls->count;
        local->before = calls->before;
        local->current = calls->current;
        local->inside = true;
        questions_answer(comm->local);
    }
    questions_answer(comm);
    core_unlock();
}

static void message_drop(struct comm *comm, struct message *message)
{
    match_take(comm->coll_match, &message->match);
    call_refuse(message, comm->calls.current, false);
    if (message->kind == MESSAGE_EAGER)
        peer_return(&core.peers[message->process], (uint32_t)message->length + MESSAGE_COST, false);
    message_free(message);
}

/* Look at the oldest message that is left: one that nobody will receive gets to the front. It says best what is wrong where a
 * call has failed because another rank has left it. */
static int leftover(struct comm *comm, int error)
{
    struct calls *calls = &comm->calls;

    for (;;) {
        struct match_message *oldest = match_find(comm->coll_match, ANY_SOURCE, ANY_TAG);
        struct message *message;
        uint64_t said, number;
        int rank;

        if (!oldest)
            return error;
        message = message_of(oldest);
        said = message->called;
        number = number_of(calls, said);
        if (!said || oldest->tag >= TAG_SCHEDULE || number > calls->count ||
            (error && said == calls->current))
            return error;
        rank = oldest->source;
        message_drop(comm, message);
        if (number >= calls->sound)
            return call_explain(comm, rank, said, calls->current);
    }
}

int call_leave_slow(struct comm *comm, int error)
{
    struct comm *local = comm->remote ? comm->local : NULL;

    core_lock();
    questions_answer(comm);
    if (local) {
        local->calls.inside = false;
        questions_answer(local);
    }
    error = leftover(comm, error);
    if (local)
        error = leftover(local, error);
    if (error) {
        comm->calls.sound = comm->calls.count + 1;
        if (local)
            local->calls.sound = comm->calls.sound;
    }
    core_unlock();
    return error;
}

/* ---- asking ------------------------------------------------------------------------------------- */

static uint32_t waits_for(const struct request *request)
{
    int rank = request->kind == REQUEST_RECV ? request->posted.source : request->peer;

    return request->comm->process[rank];
}

/* The request that a numbered call waits for, if its peer was not asked yet. */
static struct request *asks_about(const struct waiting *waiting)
{
    for (int i = 0; i < waiting->count; i++) {
        struct request *request = waiting->requests[i];
        const struct calls *calls;

        if (request->complete)
            continue;
        if (request->called != request->comm->calls.current || !request->comm->calls.inside)
            return NULL; /* nonblocking */
        if (request->phase != (request->kind == REQUEST_RECV ? PHASE_POSTED : PHASE_SENT))
            continue;
        calls = &request->comm->calls;
        return calls->asked == calls->count && calls->asked_process == waits_for(request) ? NULL
                                                                                          : request;
    }
    return NULL;
}

/* A posted receive gets no message: `rank` is in another call, `said`. */
static void receive_fail(struct request *request, int rank, uint64_t said)
{
    int error = call_compare(request->comm, said, request->called);

    match_cancel(request->comm->coll_match, &request->posted);
    request->status.source = rank;
    request->status.tag = request->posted.tag;
    request->status.count = 0;
    request->status.error = error ? error : ERR_OTHER;
    request->said = said;
    request->unfit = true;
    request_complete(request);
}

struct evidence {
    const struct calls *calls;
    struct message *found;
};

static bool message_of_another(struct match_message *match, void *context)
{
    struct message *message = message_of(match);
    struct evidence *evidence = context;
    const struct calls *calls = evidence->calls;
    uint64_t number = number_of(calls, message->called);

    if (!message->called || match->tag >= TAG_SCHEDULE || number > calls->count ||
        number < calls->sound || message->called == calls->current)
        return false;
    evidence->found = message;
    return true;
}

/* What has arrived may tell enough. */
static bool receive_hopeless(struct request *request)
{
    struct comm *comm = request->comm;
    struct evidence evidence = {.calls = &comm->calls};

    if (request->kind == REQUEST_RECV)
        match_each_message(comm->coll_match, message_of_another, &evidence);
    if (!evidence.found)
        return false;
    receive_fail(request, evidence.found->match.source, evidence.found->called);
    message_drop(comm, evidence.found);
    return true;
}

uint64_t call_next_look;

/* Most waits end before a clock is read. So the end of one's patience is a time that is read again when it has passed, and who is
 * found waiting for the same at two of those times in a row has waited for long. */
void call_look(const struct waiting *waiting)
{
    uint64_t time = core_now();
    struct request *request;
    struct calls *calls;

    if (time < call_next_look)
        return;
    call_next_look = time + PATIENCE;
    request = asks_about(waiting);
    if (!request)
        return;
    calls = &request->comm->calls;
    if (calls->seen != calls->count || calls->seen_process != waits_for(request)) {
        calls->seen = calls->count;
        calls->seen_process = waits_for(request);
        return;
    }
    if (receive_hopeless(request))
        return;
    calls->asked = calls->count;
    calls->asked_process = waits_for(request);
    tell(calls->asked_process, HANDLER_ASK, request->comm->context + 1, request->called, 0, false);
}

static bool posted_for(struct match_posted *posted, void *context)
{
    struct request *request = request_of(posted);
    struct asked *asked = context;

    if (request->called != asked->word || asked->comm->process[posted->source] != asked->process)
        return false;
    asked->found = request;
    return true;
}

/* What the one who was asked has not sent by now it will not send. */
static void on_answer(struct am *am, const struct am_message *arrived, void *context)
{
    struct asked asked = {.process = arrived->source};

    if (unlikely(arrived->nargs != 4))
        protocol_error(arrived, "an answer without its arguments");
    core.peers[arrived->source].credit += (uint32_t)arrived->args[1];
    asked.comm = comm_of_context(arrived->args[0]);
    asked.word = arrived->args[2];
    asked.own = arrived->args[3];
    if (!asked.comm || !asked.comm->calls.inside || asked.comm->calls.current != asked.word)
        return;
    do {
        asked.found = NULL;
        match_each_posted(asked.comm->coll_match, posted_for, &asked);
        if (asked.found)
            receive_fail(asked.found, asked.found->posted.source,
                         asked.own ? asked.own : asked.word);
    } while (asked.found);
}

void call_handlers(void)
{
    am_set_handler(core.am, HANDLER_ASK, on_ask, NULL);
    am_set_handler(core.am, HANDLER_ANSWER, on_answer, NULL);
}
