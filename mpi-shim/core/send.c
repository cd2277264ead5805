/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/send.c: sends: standard, synchronous, ready (buffered ones are in buffered.c). Hot: send_blocking, send_start.
 *
 * A message of at most core.eager bytes to a peer with credit goes at once, with no request on either path;
 * everything else is a request (on the stack for a blocking call) that peer.c may queue.
 */
#include <errno.h>

#include "mpi-shim/core/p2p.h"

/* ---- a send as a request ---------------------------------------------------------------------- */

void send_fill(struct request *request, enum send_mode mode, const void *buffer, size_t count,
               struct datatype *type, int dest, int tag, struct comm *comm)
{
    request->mode = (uint8_t)mode;
    request->peer = dest;
    request->process = comm->process[dest];
    request->tag = tag;
    request->length = count * type->size;
    request->status.source = ANY_SOURCE;
    request->status.tag = ANY_TAG;
    request->status.count = request->length; /* undefined in the standard; Open MPI tells so */
    if (likely(type->dense)) {
        request->buffer = (char *)(uintptr_t)buffer + type->true_lb;
        return;
    }
    /* A long message is packed piece by piece as it leaves. */
    if (request->length > core.eager) {
        request->buffer = NULL;
        request->user = (void *)(uintptr_t)buffer;
        request->count = count;
        request->flags |= REQUEST_GAPS;
        if (!request->type) {
            datatype_retain(type);
            request->type = type;
        }
        return;
    }
    request->packed = memory_get_raw(request->length ? request->length : 1);
    request->buffer = request->packed;
    datatype_pack(type, buffer, count, 0, request->packed, request->length);
}

static void pack(void *data, size_t offset, void *packed, size_t length)
{
    const struct request *request = data;

    datatype_pack(request->type, request->user, request->count, offset, packed, length);
}

void *request_run(void *data, size_t offset, size_t *length)
{
    const struct request *request = data;

    return datatype_run(request->type, request->user, request->count, offset, length);
}

void send_begin(struct request *request)
{
    struct peer *peer = &core.peers[request->process];
    struct outgoing *outgoing = &request->outgoing;
    struct comm *comm = request->comm;
    uint32_t context = comm->context + !!(request->flags & REQUEST_COLLECTIVE_CONTEXT);
    size_t cost = request->length + MESSAGE_COST;
    bool eager = request->length <= core.eager && peer->credit >= cost;

    outgoing->args[0] = envelope_tag(context, request->tag);
    outgoing->args[1] = envelope_rank(comm->rank, 0);
    outgoing->payload = eager ? request->buffer : NULL;
    outgoing->length = eager ? (uint32_t)request->length : 0;
    outgoing->args[2] = request->called;
    outgoing->request = true;
    request->phase = PHASE_QUEUED;
    if (eager) {
        peer->credit -= (uint32_t)cost;
        outgoing->handler = request->flags & REQUEST_COLLECTIVE_CONTEXT ? HANDLER_COLLECTIVE
                                                                        : HANDLER_EAGER;
        outgoing->nargs = request->flags & REQUEST_COLLECTIVE_CONTEXT ? 3 : 2;
        if (request->mode == SEND_SYNCHRONOUS) {
            request_name(request);
            outgoing->args[2] = request->name;
            outgoing->handler = HANDLER_SYNCHRONOUS;
            outgoing->nargs = 3;
        }
    } else {
        unsigned access = AM_READ | (request->flags & REQUEST_ATTENDED ? AM_ATTENDED : 0);
        int error = request->flags & REQUEST_GAPS
                        ? am_expose_packed(core.am, request->process, pack, request_run, request,
                                           request->length, access, &request->memory)
                        : am_expose(core.am, request->process, request->buffer, request->length,
                                    access, &request->memory);

        if (unlikely(error)) {
            send_left(request, error);
            return;
        }
        request_name(request);
        if (request->flags & REQUEST_COLLECTIVE_CONTEXT) {
            outgoing->payload = &request->called;
            outgoing->length = sizeof(request->called);
        }
        outgoing->args[2] = request->memory.base;
        outgoing->args[3] = request->memory.key;
        outgoing->args[4] = request->length;
        outgoing->args[5] = request->name;
        outgoing->handler = HANDLER_RENDEZVOUS;
        outgoing->nargs = 6;
    }
    peer_send(peer, outgoing);
}

/* The receiver has all of it, or never will. */
static void send_end(struct request *request)
{
    if (request->outgoing.handler == HANDLER_RENDEZVOUS)
        am_conceal(core.am, &request->memory);
    request_unname(request);
    request->phase = PHASE_IDLE;
    request_complete(request);
}

void send_left(struct request *request, int error)
{
    if (likely(error == 0)) {
        request->phase = PHASE_SENT;
        if (request->name)
            return;
    } else {
        request->status.error = error == -ENOMEM ? ERR_NO_MEM : ERR_OTHER;
        if (request->name) {
            send_end(request);
            return;
        }
    }
    request->phase = PHASE_IDLE;
    request_complete(request);
}

/* ---- answers of the receiver -------------------------------------------------------------------- */

static void on_answer(struct am *am, const struct am_message *message, void *context)
{
    struct peer *peer = &core.peers[message->source];
    struct request *request;

    if (unlikely(message->nargs < 2))
        protocol_error(message, "an answer without its arguments");
    peer->credit += (uint32_t)message->args[1];
    if (message->args[0] == 0)
        return;
    request = request_named(message->args[0], message->source);
    if (unlikely(!request || request->phase != PHASE_SENT))
        protocol_error(message, "an answer to a send that is not pending");
    send_end(request);
}

static void on_refused(struct am *am, const struct am_message *message, void *context)
{
    struct request *request;

    if (unlikely(message->nargs != 3))
        protocol_error(message, "a refusal without its arguments");
    core.peers[message->source].credit += (uint32_t)message->args[1];
    request = request_named(message->args[0], message->source);
    if (unlikely(!request || request->phase != PHASE_SENT || !request->called))
        protocol_error(message, "a refusal of a send that is not pending");
    request->said = message->args[2] ? message->args[2] : request->called;
    request->unfit = true;
    request->status.error = call_compare(request->comm, request->said, request->called);
    if (request->status.error == 0)
        request->status.error = ERR_OTHER;
    send_end(request);
}

static void on_cancelled(struct am *am, const struct am_message *message, void *context)
{
    struct request *request;

    if (unlikely(message->nargs < 1))
        protocol_error(message, "a cancellation without its argument");
    request = request_named(message->args[0], message->source);
    if (unlikely(!request || !request->cancelling))
        protocol_error(message, "a cancellation that was not asked for");
    request->status.cancelled = 1;
    send_end(request);
}

static void fail_sent(struct request *request, void *context)
{
    const struct peer *peer = context;

    if (request->process != peer->process || request->phase != PHASE_SENT)
        return;
    request->status.error = ERR_OTHER;
    send_end(request);
}

void send_peer_down(struct peer *peer)
{
    request_each_named(fail_sent, peer);
}

static void on_wake(struct am *am, const struct am_message *message, void *context)
{
}

void send_handlers(void)
{
    am_set_handler(core.am, HANDLER_SYNCHRONOUS_MATCHED, on_answer, NULL);
    am_set_handler(core.am, HANDLER_RENDEZVOUS_DONE, on_answer, NULL);
    am_set_handler(core.am, HANDLER_CREDIT, on_answer, NULL);
    am_set_handler(core.am, HANDLER_CANCELLED, on_cancelled, NULL);
    am_set_handler(core.am, HANDLER_REFUSED, on_refused, NULL);
    am_set_handler(core.am, HANDLER_WAKE, on_wake, NULL);
}

/* ---- sends that the program calls --------------------------------------------------------------- */

static const char *const calls[] = {
    [SEND_STANDARD] = "MPI_Send",
    [SEND_SYNCHRONOUS] = "MPI_Ssend",
    [SEND_READY] = "MPI_Rsend",
    [SEND_BUFFERED] = "MPI_Bsend",
};

/* Programs send short messages to one that does not receive them yet, and count on it that MPI keeps them, though the standard
 * does not say that it must. The receiver keeps as many as the credit says. From then on a blocking send is one of a copy, and
 * returns without having ended if the receiver has taken nothing for KEEP_AFTER ns; so do those behind it, until the
 * receiver takes one of them, or KEPT_MOST bytes are kept. */
enum { KEEP_AFTER = 20000000, KEPT_MOST = 64 << 20 };
static size_t kept;

static size_t kept_size(const struct request *request)
{
    return request->length + sizeof(*request);
}

void send_kept_ended(const struct request *request)
{
    kept -= kept_size(request);
    core.peers[request->process].flooded = false;
}

struct request *send_hidden(struct comm *comm)
{
    struct request *request = request_get(REQUEST_SEND);

    request->flags = 0;
    request->comm = comm;
    comm_retain(comm);
    return request;
}

/* Wait until a send has ended, or may be kept. */
static bool send_ends(struct request *request, enum send_mode mode)
{
    struct waiting waiting = {.call = calls[mode], .requests = &request, .count = 1};
    struct peer *peer = &core.peers[request->process];
    uint64_t end = core_now() + KEEP_AFTER;

    while (!request->complete) {
        bool may = kept + kept_size(request) <= KEPT_MOST;

        if (may && !peer->flooded)
            peer->flooded = core_now() >= end;
        if (may && peer->flooded)
            return false;
        core_wait_until(&waiting, may ? end : AM_FOREVER);
    }
    return true;
}

static __attribute__((noinline)) int send_kept(enum send_mode mode, const void *buffer,
                                               size_t count, struct datatype *type, int dest,
                                               int tag, struct comm *comm)
{
    size_t length = count * type->size;
    struct request *request;
    int error = 0;

    core_lock();
    request = send_hidden(comm);
    if (type->dense) {
        void *copy = memory_get_raw(length ? length : 1);

        memcpy(copy, (const char *)buffer + type->true_lb, length);
        send_fill(request, mode, copy, length, &datatype_bytes, dest, tag, comm);
        request->packed = copy;
    } else {
        send_fill(request, mode, buffer, count, type, dest, tag, comm);
    }
    send_begin(request);
    if (send_ends(request, mode)) {
        if (unlikely(request->status.error))
            error = request_explain(request);
        request_put(request);
    } else {
        request->mode = SEND_KEPT;
        request->flags |= REQUEST_DETACHED;
        requests_detached++;
        kept += kept_size(request);
    }
    core_unlock();
    return error;
}

/* A short message for which there is no credit. */
static inline bool send_may_be_kept(enum send_mode mode, size_t length, int dest,
                                    const struct comm *comm, uint8_t flags)
{
    return length <= core.eager && mode != SEND_SYNCHRONOUS &&
           !(flags & REQUEST_COLLECTIVE_CONTEXT) &&
           core.peers[comm->process[dest]].credit < length + MESSAGE_COST;
}

static __attribute__((noinline)) int send_wait(enum send_mode mode, const void *buffer,
                                               size_t count, struct datatype *type, int dest,
                                               int tag, struct comm *comm, uint8_t flags)
{
    struct request request, *waited = &request;
    int error;

    if (dest == PROC_NULL)
        return 0;
    if (mode == SEND_BUFFERED)
        return buffered_send(buffer, count, type, dest, tag, comm);
    if (send_may_be_kept(mode, count * type->size, dest, comm, flags))
        return send_kept(mode, buffer, count, type, dest, tag, comm);
    request_prepare(&request, REQUEST_SEND);
    request.flags = flags;
    request.comm = comm;
    if (flags & REQUEST_COLLECTIVE_CONTEXT)
        request.called = call_of_tag(comm, tag);
    core_lock();
    send_fill(&request, mode, buffer, count, type, dest, tag, comm);
    send_begin(&request);
    while (!request.complete)
        core_wait(&(struct waiting){.call = flags & REQUEST_COLLECTIVE_CONTEXT ? NULL : calls[mode],
                                    .requests = &waited,
                                    .count = 1});
    if (unlikely(request.type))
        datatype_release(request.type);
    core_unlock();
    error = request.status.error;
    if (unlikely(error))
        error = request_explain(&request);
    request_release_data(&request);
    return error;
}

/* May this send go without a request? The bounds of `dest` also exclude PROC_NULL. */
static inline bool send_plain(enum send_mode mode, size_t length, const struct datatype *type,
                              int dest)
{
    return mode != SEND_SYNCHRONOUS && type->dense && length <= core.eager && dest >= 0;
}

int send_blocking(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
                  int dest, int tag, struct comm *comm)
{
    size_t length = count * type->size;

    if (likely(send_plain(mode, length, type, dest))) {
        int error;

        core_lock();
        error = eager_send(comm, comm->context, dest, tag, (const char *)buffer + type->true_lb,
                           length);
        core_unlock();
        if (likely(error == 0))
            return 0;
    }
    return send_wait(mode, buffer, count, type, dest, tag, comm, REQUEST_ATTENDED);
}

/* A send that is a request, started. */
static __attribute__((noinline)) int send_slow(enum send_mode mode, const void *buffer,
                                               size_t count, struct datatype *type, int dest,
                                               int tag, struct comm *comm, uint8_t flags,
                                               struct request **made)
{
    struct request *request;

    if (dest == PROC_NULL || mode == SEND_BUFFERED) {
        int error = dest == PROC_NULL ? 0 : buffered_send(buffer, count, type, dest, tag, comm);

        if (error)
            return error;
        core_lock();
        core.completed++;
        core_unlock();
        *made = &request_sent;
        return 0;
    }
    core_lock();
    request = request_get(REQUEST_SEND);
    request->flags |= flags;
    request->comm = comm;
    if (flags & REQUEST_COLLECTIVE_CONTEXT)
        request->called = call_of_tag(comm, tag);
    comm_retain(comm);
    send_fill(request, mode, buffer, count, type, dest, tag, comm);
    send_begin(request);
    core_unlock();
    *made = request;
    return 0;
}

int send_start(enum send_mode mode, const void *buffer, size_t count, struct datatype *type,
               int dest, int tag, struct comm *comm, struct request **made)
{
    size_t length = count * type->size;

    if (likely(send_plain(mode, length, type, dest))) {
        int error;

        core_lock();
        error = eager_send(comm, comm->context, dest, tag, (const char *)buffer + type->true_lb,
                           length);
        core.completed += error == 0;
        core_unlock();
        if (likely(error == 0)) {
            *made = &request_sent;
            return 0;
        }
    }
    return send_slow(mode, buffer, count, type, dest, tag, comm, 0, made);
}

/* A short message of a collective call, without a request. False: it has to be one. Hot. */
static inline bool coll_send_plain(const void *buffer, size_t count, const struct datatype *type,
                                   int dest, int tag, struct comm *comm)
{
    size_t length = count * type->size;
    int error;

    if (unlikely(!type->dense || length > core.eager))
        return false;
    core_lock();
    error = eager_send_called(comm, dest, tag, call_of_tag(comm, tag),
                              (const char *)buffer + type->true_lb, length);
    core_unlock();
    return likely(error == 0);
}

int coll_send(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
              struct comm *comm)
{
    if (likely(coll_send_plain(buffer, count, type, dest, tag, comm)))
        return 0;
    return send_wait(SEND_STANDARD, buffer, count, type, dest, tag, comm,
                     REQUEST_COLLECTIVE_CONTEXT | REQUEST_ATTENDED);
}

/* Of two processes the other one has nothing else to do than to stream. */
static uint8_t offered(const struct comm *comm)
{
    return comm->size == 2 ? REQUEST_ATTENDED : 0;
}

int coll_offer(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
               struct comm *comm)
{
    if (likely(coll_send_plain(buffer, count, type, dest, tag, comm)))
        return 0;
    return send_wait(SEND_STANDARD, buffer, count, type, dest, tag, comm,
                     REQUEST_COLLECTIVE_CONTEXT | offered(comm));
}

static int coll_start(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                      struct comm *comm, uint8_t flags, struct request **made)
{
    if (coll_send_plain(buffer, count, type, dest, tag, comm)) {
        core_lock();
        core.completed++;
        core_unlock();
        *made = &request_sent;
        return 0;
    }
    return send_slow(SEND_STANDARD, buffer, count, type, dest, tag, comm,
                     REQUEST_COLLECTIVE_CONTEXT | flags, made);
}

int coll_send_start(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                    struct comm *comm, struct request **made)
{
    return coll_start(buffer, count, type, dest, tag, comm, REQUEST_ATTENDED, made);
}

int coll_offer_start(const void *buffer, size_t count, struct datatype *type, int dest, int tag,
                     struct comm *comm, struct request **made)
{
    return coll_start(buffer, count, type, dest, tag, comm, offered(comm), made);
}
