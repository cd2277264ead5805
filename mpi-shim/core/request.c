/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/request.c: requests: where they come from, waiting for one, and the names by which peers call them.
 * Hot: request_get, request_put, request_wait, request_test.
 *
 * core.completed counts the requests that are complete and of which the program has not been told. While it is 0,
 * no array of requests need be looked through (completion.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "mpi-shim/core/completion.h"
#include "mpi-shim/core/p2p.h"

struct request request_sent = {
    .magic = REQUEST_MAGIC,
    .kind = REQUEST_SEND,
    .complete = true,
    .active = true,
    .flags = REQUEST_SHARED | REQUEST_COUNTED,
    .status = {.source = ANY_SOURCE, .tag = ANY_TAG},
};

/* ---- where they come from --------------------------------------------------------------------- */

enum { CHUNK = 64 };

/* Requests are never given back, so all that there are can be looked through. */
static struct chunk {
    struct chunk *next;
    struct {
        struct request request __attribute__((aligned(64)));
    } place[CHUNK];
} * chunks;

static struct request *requests_free;
uint32_t requests_detached;

static __attribute__((noinline)) void requests_grow(void)
{
    struct chunk *chunk = aligned_alloc(64, sizeof(*chunk));

    if (!chunk)
        core_abort(1, "out of memory: no room for another request");
    chunk->next = chunks;
    chunks = chunk;
    for (int i = 0; i < CHUNK; i++) {
        struct request *request = &chunk->place[i].request;

        request->magic = FREED_MAGIC;
        request->next_free = requests_free;
        requests_free = request;
    }
}

void request_each(request_visit *visit, void *context)
{
    for (struct chunk *chunk = chunks; chunk; chunk = chunk->next) {
        for (int i = 0; i < CHUNK; i++) {
            if (chunk->place[i].request.magic == REQUEST_MAGIC)
                visit(&chunk->place[i].request, context);
        }
    }
}

struct request *request_get(enum request_kind kind)
{
    struct request *request;

    if (unlikely(!requests_free))
        requests_grow();
    request = requests_free;
    requests_free = request->next_free;
    request_prepare(request, kind);
    request->flags = REQUEST_COUNTED;
    return request;
}

void request_put(struct request *request)
{
    request_release_data(request);
    if (unlikely(request->type))
        datatype_release(request->type);
    if (request->comm)
        comm_release(request->comm);
    request->magic = FREED_MAGIC;
    request->next_free = requests_free;
    requests_free = request;
}

void request_complete_slow(struct request *request)
{
    if (request->flags & REQUEST_PART) {
        schedule_part_ended(request);
        return;
    }
    requests_detached -= request->kind == REQUEST_SEND || request->kind == REQUEST_COLLECTIVE;
    if (request->kind == REQUEST_SEND && request->mode == SEND_KEPT)
        send_kept_ended(request);
    request_put(request);
}

/* ---- names -------------------------------------------------------------------------------------- */

/* A name is a place in this table and how often the place was used, so that a late answer finds nobody. */
static struct named {
    struct request *request;
    uint32_t life;
    uint32_t next_free;
} * named;
static uint32_t named_size, named_free;

void request_name(struct request *request)
{
    struct named *place;

    if (named_free == 0) {
        uint32_t size = named_size ? 2 * named_size : 64;
        struct named *grown = realloc(named, size * sizeof(*named));

        if (!grown)
            core_abort(1, "out of memory: no room for %u pending sends", size);
        named = grown;
        memset(named + named_size, 0, (size - named_size) * sizeof(*named));
        /* Place 0 stays unused: name 0 is none. */
        for (uint32_t i = size - 1; i >= named_size && i > 0; i--) {
            named[i].next_free = named_free;
            named_free = i;
        }
        named_size = size;
    }
    place = &named[named_free];
    request->name = (uint64_t)++place->life << 32 | named_free;
    named_free = place->next_free;
    place->request = request;
}

void request_unname(struct request *request)
{
    uint32_t index = (uint32_t)request->name;

    named[index].request = NULL;
    named[index].next_free = named_free;
    named_free = index;
    request->name = 0;
}

struct request *request_named(uint64_t name, uint32_t process)
{
    uint32_t index = (uint32_t)name;
    struct request *request;

    if (index >= named_size || named[index].life != name >> 32)
        return NULL;
    request = named[index].request;
    return request && request->process == process ? request : NULL;
}

void request_each_named(request_visit *visit, void *context)
{
    for (uint32_t i = 0; i < named_size; i++) {
        if (named[i].request)
            visit(named[i].request, context);
    }
}

/* ---- progress ----------------------------------------------------------------------------------- */

static __attribute__((cold)) void progress_failed(int error)
{
    core_abort(1, "the connection to the launcher or the network broke: %s", strerror(-error));
}

static inline void wait_until(struct waiting *waiting, uint64_t deadline)
{
    struct waiting **link = &core.waiting;
    int handled;

    waiting->next = core.waiting;
    core.waiting = waiting;
    handled = am_wait(core.am, deadline);
    if (unlikely(handled == 0) && !waiting->call)
        call_look(waiting);
    while (unlikely(*link !=
                    waiting)) /* with threads the last to wait is not always the first to wake */
        link = &(*link)->next;
    *link = waiting->next;
    if (unlikely(handled < 0))
        progress_failed(handled);
    if (unlikely(schedules_ready != NULL))
        schedules_progress();
}

void core_wait(struct waiting *waiting)
{
    wait_until(waiting, waiting->call ? AM_FOREVER : call_next_look);
}

void core_wait_until(struct waiting *waiting, uint64_t deadline)
{
    wait_until(waiting, deadline);
}

uint64_t core_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void core_poll(void)
{
    int handled = am_poll(core.am);

    if (unlikely(handled < 0))
        progress_failed(handled);
    if (unlikely(schedules_ready != NULL))
        schedules_progress();
}

void core_wake(void)
{
    int sent, handled;

    do {
        sent = am_request(core.am, core.self, HANDLER_WAKE, NULL, 0, NULL, 0);
        handled = am_poll(core.am);
    } while (sent == -EAGAIN && handled >= 0);
    if (unlikely(handled < 0))
        progress_failed(handled);
}

/* ---- errors ------------------------------------------------------------------------------------- */

/* Has a reference: the program may have freed it, and the request that failed was then the last to hold it. */
static _Thread_local struct comm *failed;

static void blame(struct comm *comm)
{
    if (comm)
        comm_retain(comm);
    if (failed)
        comm_release(failed);
    failed = comm;
}

struct comm *request_failed(void)
{
    struct comm *comm = failed;

    failed = NULL;
    return comm;
}

void request_forgive(struct comm *comm)
{
    core_lock();
    comm_release(comm);
    core_unlock();
}

void request_blame(const struct request *request)
{
    blame(request->comm);
}

int request_explain(const struct request *request)
{
    int error = request->status.error;
    int rank = request->kind == REQUEST_RECV ? request->status.source : request->peer;

    if (request->unfit)
        return call_explain(request->comm, rank, request->said, request->called);
    if ((error == ERR_TRUNCATE || error == ERR_COUNT) &&
        (request->kind == REQUEST_COLLECTIVE || request->flags & REQUEST_COLLECTIVE_CONTEXT))
        return error_note(error,
                          "rank %d sent %zu bytes where this rank expects %zu; have all ranks the "
                          "same counts and types?",
                          rank, request->arrived, request->length);
    if (error == ERR_TRUNCATE)
        return error_note(
            error, "the message from rank %d with tag %d has %zu bytes, the buffer %zu",
            request->status.source, request->status.tag, request->arrived, request->length);
    if (error == ERR_OTHER && request->process < core.processes &&
        core.peers[request->process].down)
        return peer_error(&core.peers[request->process]);
    return error;
}

static int request_foreign(void)
{
    return error_note(ERR_REQUEST, "the handle is no request, or one that was freed");
}

/* ---- completion of one ---------------------------------------------------------------------------- */

/* A generalized request says its status itself, outside the lock: it is the program's code. */
static int generalized_finish(struct request *request, struct status *status)
{
    struct status own = {.source = ANY_SOURCE, .tag = ANY_TAG};
    int error;

    core_unlock();
    error = request->generalized.query(request->generalized.state, &own);
    if (request->generalized.release) {
        int freed = request->generalized.release(request->generalized.state);

        if (error == 0)
            error = freed;
    }
    core_lock();
    status_give(status, &own);
    return error;
}

int request_finish(struct request **handle, struct status *status)
{
    struct request *request = *handle;
    int error;

    if (unlikely(!request->active)) {
        status_empty(status);
        return 0;
    }
    core.completed--;
    if (request->flags & REQUEST_SHARED) {
        status_give(status, &request->status);
        *handle = core.predefined.request_null;
        return 0;
    }
    if (unlikely(request->kind == REQUEST_GENERALIZED)) {
        request->active = false; /* no other thread is to finish it meanwhile */
        error = generalized_finish(request, status);
    } else {
        status_give(status, &request->status);
        error = request->status.error;
        if (unlikely(error)) {
            blame(request->comm);
            error = request_explain(request);
        }
    }
    if (request->flags & REQUEST_PERSISTENT) {
        request->active = false;
        request_release_data(request);
        return error;
    }
    *handle = core.predefined.request_null;
    request_put(request);
    return error;
}

static inline int wait_for(const char *call, bool own, struct request **handle,
                           struct status *status)
{
    int error;

    core_lock();
    if (unlikely(!request_valid(*handle))) {
        core_unlock();
        return request_foreign();
    }
    while (!(*handle)->complete)
        core_wait(&(struct waiting){.call = call, .requests = handle, .count = 1});
    error = request_finish(handle, status);
    if (unlikely(error && own))
        blame(NULL);
    core_unlock();
    return error;
}

int request_wait_in(const char *call, struct request **handle, struct status *status)
{
    return wait_for(call, true, handle, status);
}

int request_wait(struct request **handle, struct status *status)
{
    return wait_for("MPI_Wait", false, handle, status);
}

int request_test(struct request **handle, int *flag, struct status *status)
{
    int error = 0;

    core_lock();
    if (unlikely(!request_valid(*handle))) {
        core_unlock();
        return request_foreign();
    }
    if (!(*handle)->complete)
        core_poll();
    *flag = (*handle)->complete;
    if (*flag)
        error = request_finish(handle, status);
    core_unlock();
    return error;
}

int request_get_status(struct request *request, int *flag, struct status *status)
{
    int error = 0;

    core_lock();
    if (unlikely(!request_valid(request))) {
        core_unlock();
        return request_foreign();
    }
    if (!request->complete)
        core_poll();
    *flag = request->complete;
    if (!request->active) {
        status_empty(status);
    } else if (request->complete && request->kind == REQUEST_GENERALIZED) {
        struct status own = {.source = ANY_SOURCE, .tag = ANY_TAG};

        core_unlock();
        error = request->generalized.query(request->generalized.state, &own);
        status_give(status, &own);
        return error;
    } else if (request->complete) {
        status_give(status, &request->status);
    }
    core_unlock();
    return error;
}

int request_free(struct request **handle)
{
    struct request *request = *handle;
    int error = 0;

    core_lock();
    if (unlikely(!request_valid(request) || request == core.predefined.request_null)) {
        core_unlock();
        return request_foreign();
    }
    if (unlikely(request->kind == REQUEST_COLLECTIVE && request->active)) {
        request_blame(request);
        core_unlock();
        return error_note(ERR_REQUEST, "a collective operation that is active cannot be freed");
    }
    *handle = core.predefined.request_null;
    if (request->flags & REQUEST_SHARED) {
        core.completed--;
    } else if (!request->active) {
        if (request->kind == REQUEST_COLLECTIVE)
            schedule_free(request->schedule);
        request_put(request);
    } else if (!request->complete) {
        requests_detached += request->kind == REQUEST_SEND;
        request->flags |= REQUEST_DETACHED;
        request->flags &= (uint8_t)~REQUEST_COUNTED;
    } else {
        core.completed--;
        if (request->kind == REQUEST_GENERALIZED && request->generalized.release) {
            request->active = false;
            core_unlock();
            error = request->generalized.release(request->generalized.state);
            core_lock();
        }
        request_put(request);
    }
    core_unlock();
    return error;
}

/* ---- generalized requests ----------------------------------------------------------------------- */

int grequest_start(int (*query)(void *, struct status *), int (*release)(void *),
                   int (*cancel)(void *, int), void *state, struct request **made)
{
    struct request *request;

    core_lock();
    request = request_get(REQUEST_GENERALIZED);
    request->generalized.query = query;
    request->generalized.release = release;
    request->generalized.cancel = cancel;
    request->generalized.state = state;
    core_unlock();
    *made = request;
    return 0;
}

int grequest_complete(struct request *request)
{
    int (*release)(void *) = NULL;
    void *state = NULL;

    core_lock();
    if (unlikely(!request_valid(request) || request->kind != REQUEST_GENERALIZED ||
                 request->complete)) {
        core_unlock();
        return request_foreign();
    }
    if (request->flags & REQUEST_DETACHED) {
        release = request->generalized.release;
        state = request->generalized.state;
    }
    request_complete(request);
    if (core.threads) {
        core_wake();
        core_poll();
    }
    core_unlock();
    return release ? release(state) : 0;
}
