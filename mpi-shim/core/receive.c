/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/receive.c: receives, and what happens when a message arrives. Hot: recv_blocking, recv_start, on_eager.
 *
 * An eager message that finds its receive posted is copied from where it lies in the link to the program's buffer; one that
 * does not is kept with its payload until a receive or a matched probe takes it.
 */
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

/* ---- delivering --------------------------------------------------------------------------------- */

/* memcpy, with the lengths that programs send most inline. */
static inline void copy(void *to, const void *from, size_t length)
{
    if (length - 8 <= 8) {
        uint64_t first, last;

        memcpy(&first, from, 8);
        memcpy(&last, (const char *)from + length - 8, 8);
        memcpy(to, &first, 8);
        memcpy((char *)to + length - 8, &last, 8);
    } else if (length - 4 <= 4) {
        uint32_t first, last;

        memcpy(&first, from, 4);
        memcpy(&last, (const char *)from + length - 4, 4);
        memcpy(to, &first, 4);
        memcpy((char *)to + length - 4, &last, 4);
    } else if (length > 0) {
        memcpy(to, from, length);
    }
}

static inline void deliver(struct request *request, int source, int tag, const void *payload,
                           size_t length)
{
    request->status.source = source;
    request->status.tag = tag;
    if (unlikely(length > request->length)) {
        request->status.error = ERR_TRUNCATE;
        request->arrived = length;
        length = request->length;
    } else if (unlikely(length < request->length && request->called)) {
        request->status.error = ERR_COUNT;
        request->arrived = length;
    }
    request->status.count = length;
    if (likely(!(request->flags & REQUEST_GAPS)))
        copy(request->buffer, payload, length);
    else
        datatype_unpack(request->type, request->user, request->count, 0, payload, length);
    request_complete(request);
}

void message_free(struct message *message)
{
    bool alone = message->kind == MESSAGE_RENDEZVOUS || message->kind == MESSAGE_REFUSED;
    size_t payload = alone ? 0 : message->length;

    message->magic = FREED_MAGIC;
    memory_return(message, sizeof(*message) + payload);
}

/* A message of another collective call, in its queue: nothing is delivered. One of a later call stays for that. */
static __attribute__((cold)) void receive_unfit(struct request *request, struct match *match,
                                                struct message *message, bool in_handler)
{
    uint64_t said = message->called;
    int error;

    request->status.source = message->match.source;
    request->status.tag = message->match.tag;
    if (call_is_later(said, request->called)) {
        said = request->called;
    } else {
        match_take(match, &message->match);
        call_refuse(message, request->called, in_handler);
        if (message->kind == MESSAGE_EAGER)
            peer_return(&core.peers[message->process], (uint32_t)message->length + MESSAGE_COST,
                        in_handler);
        message_free(message);
    }
    error = call_compare(request->comm, said, request->called);
    request->status.count = 0;
    request->status.error = error ? error : ERR_OTHER;
    request->said = said;
    request->unfit = true;
    request_complete(request);
}

static inline bool call_fits(const struct request *request, uint64_t called)
{
    return likely((called ^ request->called) == 0) || !called || !request->called ||
           ((called ^ request->called) & ~CALL_BYTES_MASK) == 0;
}

void message_deliver(struct message *message, struct request *request)
{
    struct peer *peer = &core.peers[message->process];

    request->process = message->process;
    if (unlikely(message->kind == MESSAGE_REFUSED || !call_fits(request, message->called))) {
        struct match *match = request->comm->coll_match;

        match_return(match, &message->match);
        receive_unfit(request, match, message, false);
        return;
    }
    if (message->kind == MESSAGE_RENDEZVOUS) {
        request->status.source = message->match.source;
        request->status.tag = message->match.tag;
        rendezvous_pull(request, message->process, &message->memory, message->length,
                        message->sender_id, false);
    } else {
        peer_return(peer, (uint32_t)message->length + MESSAGE_COST, false);
        if (message->kind == MESSAGE_SYNCHRONOUS)
            peer_answer(peer, HANDLER_SYNCHRONOUS_MATCHED, message->sender_id, false);
        deliver(request, message->match.source, message->match.tag, message->payload,
                message->length);
    }
    message_free(message);
}

/* ---- arrivals ----------------------------------------------------------------------------------- */

void protocol_error(const struct am_message *message, const char *what)
{
    core_abort(1,
               "process %u sent %s; this is an error in Caravan, or programs of different versions",
               message->source, what);
}

static __attribute__((noinline)) struct message *message_keep(struct match *match,
                                                              const struct am_message *arrived,
                                                              enum message_kind kind,
                                                              size_t payload)
{
    struct message *message = memory_take(sizeof(*message) + payload);

    message->magic = MESSAGE_MAGIC;
    message->kind = (uint8_t)kind;
    message->predefined = false;
    message->process = arrived->source;
    message->length = payload;
    message->comm = NULL;
    memcpy(message->payload, arrived->payload, payload);
    match_store(match, &message->match, (int)(arrived->args[1] >> 32), (int)arrived->args[0]);
    return message;
}

static inline void on_payload(const struct am_message *arrived, enum message_kind kind,
                              uint64_t called)
{
    int source = (int)(arrived->args[1] >> 32), tag = (int)arrived->args[0];
    struct peer *peer = &core.peers[arrived->source];
    struct match *match;
    struct match_posted *posted;

    if (unlikely((source | tag) < 0))
        protocol_error(arrived, "a negative rank or tag");
    match = context_match((uint32_t)(arrived->args[0] >> 32));
    posted = match_arrive(match, source, tag);
    peer->credit += (uint32_t)arrived->args[1];
    if (likely(posted) && call_fits(request_of(posted), called)) {
        struct request *request = request_of(posted);

        peer_return(peer, (uint32_t)arrived->length + MESSAGE_COST, true);
        if (kind == MESSAGE_SYNCHRONOUS)
            peer_answer(peer, HANDLER_SYNCHRONOUS_MATCHED, arrived->args[2], true);
        deliver(request, source, tag, arrived->payload, arrived->length);
    } else {
        struct message *message = message_keep(match, arrived, kind, arrived->length);

        if (kind == MESSAGE_SYNCHRONOUS)
            message->sender_id = arrived->args[2];
        message->called = called;
        if (unlikely(posted))
            receive_unfit(request_of(posted), match, message, true);
    }
}

static void on_eager(struct am *am, const struct am_message *arrived, void *context)
{
    if (unlikely(arrived->nargs != 2))
        protocol_error(arrived, "a message without its envelope");
    on_payload(arrived, MESSAGE_EAGER, 0);
}

static void on_collective(struct am *am, const struct am_message *arrived, void *context)
{
    if (unlikely(arrived->nargs != 3))
        protocol_error(arrived, "a message of a collective call without its envelope");
    on_payload(arrived, MESSAGE_EAGER, arrived->args[2]);
}

static void on_synchronous(struct am *am, const struct am_message *arrived, void *context)
{
    if (unlikely(arrived->nargs != 3))
        protocol_error(arrived, "a synchronous message without its envelope");
    on_payload(arrived, MESSAGE_SYNCHRONOUS, 0);
}

static void on_rendezvous(struct am *am, const struct am_message *arrived, void *context)
{
    int source, tag;
    struct am_memory memory;
    struct match *match;
    struct match_posted *posted;
    struct message *message;
    uint64_t called = 0;

    if (unlikely(arrived->nargs != 6))
        protocol_error(arrived, "a rendezvous without its envelope");
    source = (int)(arrived->args[1] >> 32);
    tag = (int)arrived->args[0];
    if (unlikely((source | tag) < 0))
        protocol_error(arrived, "a negative rank or tag");
    memory = (struct am_memory){.base = arrived->args[2], .key = arrived->args[3]};
    match = context_match((uint32_t)(arrived->args[0] >> 32));
    core.peers[arrived->source].credit += (uint32_t)arrived->args[1];
    if (arrived->length == sizeof(called))
        memcpy(&called, arrived->payload, sizeof(called));
    posted = match_arrive(match, source, tag);
    if (posted && call_fits(request_of(posted), called)) {
        struct request *request = request_of(posted);

        request->status.source = source;
        request->status.tag = tag;
        request->process = arrived->source;
        rendezvous_pull(request, arrived->source, &memory, arrived->args[4], arrived->args[5],
                        true);
        return;
    }
    message = message_keep(match, arrived, MESSAGE_RENDEZVOUS, 0);
    message->memory = memory;
    message->length = arrived->args[4];
    message->sender_id = arrived->args[5];
    message->called = called;
    if (posted)
        receive_unfit(request_of(posted), match, message, true);
}

/* ---- cancellation by the sender ----------------------------------------------------------------- */

struct wanted {
    uint32_t process;
    uint64_t name;
    struct message *found;
};

static bool message_wanted(struct match_message *match, void *context)
{
    struct message *message = message_of(match);
    struct wanted *wanted = context;

    if (message->process != wanted->process || message->kind == MESSAGE_EAGER ||
        message->sender_id != wanted->name)
        return false;
    wanted->found = message;
    return true;
}

static void on_cancel(struct am *am, const struct am_message *arrived, void *context)
{
    struct wanted wanted = {.process = arrived->source};

    if (unlikely(arrived->nargs != 1))
        protocol_error(arrived, "a cancellation without its argument");
    wanted.name = arrived->args[0];
    for (uint32_t i = 0; i < core.contexts && !wanted.found; i++) {
        struct match *match = core.context[i];

        if (!match)
            continue;
        match_each_message(match, message_wanted, &wanted);
        if (wanted.found)
            match_take(match, &wanted.found->match);
    }
    /* Not there: it was received, and the sender hears of that. */
    if (!wanted.found)
        return;
    if (wanted.found->kind == MESSAGE_SYNCHRONOUS)
        peer_return(&core.peers[arrived->source], (uint32_t)wanted.found->length + MESSAGE_COST,
                    true);
    message_free(wanted.found);
    peer_answer(&core.peers[arrived->source], HANDLER_CANCELLED, wanted.name, true);
}

void receive_handlers(void)
{
    am_set_handler(core.am, HANDLER_EAGER, on_eager, NULL);
    am_set_handler(core.am, HANDLER_COLLECTIVE, on_collective, NULL);
    am_set_handler(core.am, HANDLER_SYNCHRONOUS, on_synchronous, NULL);
    am_set_handler(core.am, HANDLER_RENDEZVOUS, on_rendezvous, NULL);
    am_set_handler(core.am, HANDLER_CANCEL, on_cancel, NULL);
}

/* ---- receives that the program calls -------------------------------------------------------------- */

/* A receive that nobody will ever send to. */
static __attribute__((cold)) bool receive_hopeless(struct request *request, struct match *match,
                                                   int source)
{
    const struct comm *comm = request->comm;
    struct peer *peer = source == ANY_SOURCE ? comm_peer_down(comm)
                                             : &core.peers[comm->process[source]];

    if (!peer || !peer->down)
        return false;
    match_cancel(match, &request->posted);
    request->process = peer->process;
    request->status.source = source;
    request->status.tag = ANY_TAG;
    request->status.count = 0;
    request->status.error = ERR_OTHER;
    request_complete(request);
    return true;
}

void receive_fill(struct request *request, void *buffer, size_t count, struct datatype *type)
{
    request->length = count * type->size;
    if (likely(type->dense)) {
        request->buffer = (char *)buffer + type->true_lb;
        return;
    }
    request->buffer = NULL;
    request->user = buffer;
    request->count = count;
    request->flags |= REQUEST_GAPS;
    if (!request->type) {
        datatype_retain(type);
        request->type = type;
    }
}

static inline void receive_start_inline(struct request *request, struct match *match, int source,
                                        int tag)
{
    struct match_message *message = match_receive(match, &request->posted, source, tag);

    request->phase = PHASE_POSTED;
    if (message)
        message_deliver(message_of(message), request);
    else if (unlikely(peers_down != 0))
        receive_hopeless(request, match, source);
}

void receive_begin(struct request *request, struct match *match, int source, int tag)
{
    receive_start_inline(request, match, source, tag);
}

struct down {
    struct peer *peer;
    struct match *match;
    struct request *found;
};

static bool posted_to(struct match_posted *posted, void *context)
{
    struct request *request = request_of(posted);
    struct down *down = context;

    if (posted->source == MATCH_ANY ? comm_peer_down(request->comm) == NULL
                                    : request->comm->process[posted->source] != down->peer->process)
        return false;
    down->found = request;
    return true;
}

void receive_peer_down(struct peer *peer)
{
    for (uint32_t i = 0; i < core.contexts; i++) {
        struct down down = {.peer = peer, .match = core.context[i]};

        while (down.match) {
            down.found = NULL;
            match_each_posted(down.match, posted_to, &down);
            if (!down.found)
                break;
            receive_hopeless(down.found, down.match, down.found->posted.source);
        }
    }
}

static inline int receive_wait(void *buffer, size_t count, struct datatype *type, int source,
                               int tag, struct comm *comm, struct match *match, uint64_t called,
                               const char *call, struct status *status)
{
    struct request request, *waited = &request;
    struct waiting waiting = {.call = call, .requests = &waited, .count = 1};
    int error = 0;

    request_prepare(&request, REQUEST_RECV);
    request.comm = comm;
    request.called = called;
    core_lock();
    receive_fill(&request, buffer, count, type);
    receive_start_inline(&request, match, source, tag);
    while (!request.complete)
        core_wait(&waiting);
    if (unlikely(request.type))
        datatype_release(request.type);
    core_unlock();
    status_give(status, &request.status);
    if (unlikely(request.status.error)) {
        if (match == comm->coll_match)
            request.flags |= REQUEST_COLLECTIVE_CONTEXT;
        error = request_explain(&request);
    }
    request_release_data(&request);
    return error;
}

static void status_proc_null(struct status *status)
{
    status_empty(status);
    if (status)
        status->source = PROC_NULL;
}

int recv_blocking(void *buffer, size_t count, struct datatype *type, int source, int tag,
                  struct comm *comm, struct status *status)
{
    if (unlikely(source == PROC_NULL)) {
        status_proc_null(status);
        return 0;
    }
    return receive_wait(buffer, count, type, source, tag, comm, comm->match, 0, "MPI_Recv", status);
}

int coll_recv(void *buffer, size_t count, struct datatype *type, int source, int tag,
              struct comm *comm)
{
    return receive_wait(buffer, count, type, source, tag, comm, comm->coll_match,
                        call_of_tag(comm, tag), NULL, NULL);
}

static inline int receive_start(void *buffer, size_t count, struct datatype *type, int source,
                                int tag, struct comm *comm, struct match *match, uint64_t called,
                                struct request **made)
{
    struct request *request;

    core_lock();
    request = request_get(REQUEST_RECV);
    request->comm = comm;
    request->called = called;
    comm_retain(comm);
    receive_fill(request, buffer, count, type);
    if (likely(source != PROC_NULL)) {
        receive_start_inline(request, match, source, tag);
    } else {
        status_proc_null(&request->status);
        request_complete(request);
    }
    core_unlock();
    *made = request;
    return 0;
}

int recv_start(void *buffer, size_t count, struct datatype *type, int source, int tag,
               struct comm *comm, struct request **made)
{
    return receive_start(buffer, count, type, source, tag, comm, comm->match, 0, made);
}

int coll_recv_start(void *buffer, size_t count, struct datatype *type, int source, int tag,
                    struct comm *comm, struct request **made)
{
    receive_start(buffer, count, type, source, tag, comm, comm->coll_match, call_of_tag(comm, tag),
                  made);
    (*made)->flags |= REQUEST_COLLECTIVE_CONTEXT; /* where request_cancel looks for it */
    return 0;
}

/* ---- messages taken by a matched probe ------------------------------------------------------------ */

static void receive_matched(struct request *request, void *buffer, size_t count,
                            struct datatype *type, struct message *message)
{
    receive_fill(request, buffer, count, type);
    if (message->kind == MESSAGE_NO_PROC) {
        status_proc_null(&request->status);
        request_complete(request);
        return;
    }
    request->comm = message->comm;
    request->phase = PHASE_PULLING;
    message_deliver(message, request);
}

int mrecv_blocking(void *buffer, size_t count, struct datatype *type, struct message *message,
                   struct status *status)
{
    struct comm *comm = message->comm;
    struct request request, *waited = &request;
    int error = 0;

    request_prepare(&request, REQUEST_MATCHED);
    core_lock();
    receive_matched(&request, buffer, count, type, message);
    while (!request.complete)
        core_wait(&(struct waiting){.call = "MPI_Mrecv", .requests = &waited, .count = 1});
    if (request.type)
        datatype_release(request.type);
    status_give(status, &request.status);
    if (unlikely(request.status.error))
        error = request_explain(&request);
    if (comm)
        comm_release(comm);
    core_unlock();
    request_release_data(&request);
    return error;
}

/* The reference that the probe took on the communicator goes over to the request. */
int mrecv_start(void *buffer, size_t count, struct datatype *type, struct message *message,
                struct request **made)
{
    struct request *request;

    core_lock();
    request = request_get(REQUEST_MATCHED);
    receive_matched(request, buffer, count, type, message);
    core_unlock();
    *made = request;
    return 0;
}

/* ---- both directions ------------------------------------------------------------------------------ */

int sendrecv(const void *send_buffer, size_t send_count, struct datatype *send_type, int dest,
             int send_tag, void *recv_buffer, size_t recv_count, struct datatype *recv_type,
             int source, int recv_tag, struct comm *comm, struct status *status)
{
    struct request *receive;
    int sent;

    if (likely(dest >= 0 && source != PROC_NULL && send_type->dense &&
               send_count * send_type->size <= core.eager)) {
        core_lock();
        sent = eager_send(comm, comm->context, dest, send_tag,
                          (const char *)send_buffer + send_type->true_lb,
                          send_count * send_type->size);
        core_unlock();
        if (likely(sent == 0))
            return receive_wait(recv_buffer, recv_count, recv_type, source, recv_tag, comm,
                                comm->match, 0, "MPI_Sendrecv", status);
    }
    recv_start(recv_buffer, recv_count, recv_type, source, recv_tag, comm, &receive);
    sent = send_blocking(SEND_STANDARD, send_buffer, send_count, send_type, dest, send_tag, comm);
    if (unlikely(sent)) {
        request_cancel(receive);
        request_wait_in(NULL, &receive, NULL);
        return sent;
    }
    return request_wait_in("MPI_Sendrecv", &receive, status);
}

int coll_sendrecv(const void *send_buffer, size_t send_count, struct datatype *send_type, int dest,
                  void *recv_buffer, size_t recv_count, struct datatype *recv_type, int source,
                  int tag, struct comm *comm)
{
    size_t length = send_count * send_type->size;
    struct request *receive;
    int error;

    /* What can leave at once needs no receive posted before it, and no request. */
    if (likely(send_type->dense && length <= core.eager)) {
        core_lock();
        error = eager_send_called(comm, dest, tag, call_of_tag(comm, tag),
                                  (const char *)send_buffer + send_type->true_lb, length);
        core_unlock();
        if (likely(error == 0))
            return coll_recv(recv_buffer, recv_count, recv_type, source, tag, comm);
    }
    coll_recv_start(recv_buffer, recv_count, recv_type, source, tag, comm, &receive);
    error = coll_send(send_buffer, send_count, send_type, dest, tag, comm);
    if (unlikely(error)) {
        request_cancel(receive);
        request_wait_in(NULL, &receive, NULL);
        return error;
    }
    return request_wait_in(NULL, &receive, NULL);
}

int coll_sendrecv_replace(void *buffer, size_t count, struct datatype *type, int peer, int tag,
                          struct comm *comm)
{
    size_t length = count * type->size;
    char *copied = memory_get(length ? length : 1);
    int error;

    datatype_pack(type, buffer, count, 0, copied, length);
    error = coll_sendrecv(copied, length, &datatype_bytes, peer, buffer, count, type, peer, tag,
                          comm);
    free(copied);
    return error;
}

int sendrecv_replace(void *buffer, size_t count, struct datatype *type, int dest, int send_tag,
                     int source, int recv_tag, struct comm *comm, struct status *status)
{
    size_t length = count * type->size;
    char *copied = memory_get(length ? length : 1);
    int error;

    datatype_pack(type, buffer, count, 0, copied, length);
    error = sendrecv(copied, length, &datatype_bytes, dest, send_tag, buffer, count, type, source,
                     recv_tag, comm, status);
    free(copied);
    return error;
}
