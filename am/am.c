/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The endpoint: requests out, messages in, deferred work. am.h is the contract.
 *
 * Hot: am_request, am_deliver, am_poll.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "am/core.h"
#include "am/port/port.h"
#include "control/control.h"

/* ---- joining and leaving ---------------------------------------------------------------------------- */

void am_complain(const struct am *am, const char *format, ...)
{
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (am)
        fprintf(stderr, "caravan: process %u on %s: %s\n", am->job.process,
                am->job.table[am->job.node].host, line);
    else
        fprintf(stderr, "caravan: %s\n", line);
}

static void job_free(struct am_job *job)
{
    free(job->node_of);
    free(job->beside);
    free(job->table);
    if (job->port)
        job->port->ops->close(job->port);
    if (job->pmi)
        pmi_close(job->pmi);
    if (job->control)
        control_close(job->control);
}

static int am_lock_create(struct am *am)
{
    pthread_condattr_t attributes;
    int result = pthread_mutex_init(&am->lock, NULL);

    if (result == 0)
        result = pthread_condattr_init(&attributes);
    if (result == 0) {
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        result = pthread_cond_init(&am->progressed, &attributes);
        pthread_condattr_destroy(&attributes);
    }
    return -result;
}

static void am_free(struct am *am)
{
    if (am->wire) {
        am->wire->ops->close(am->wire);
        am->job.port = NULL; /* was the wire's */
    }
    if (am->ring)
        am->ring->ops->close(am->ring);
    transfer_close(am);
    for (uint32_t i = 0; am->peers && i < am->job.size; i++)
        free(am->peers[i].ways);
    bell_close(&am->bell);
    pthread_cond_destroy(&am->progressed);
    pthread_mutex_destroy(&am->lock);
    free(am->peers);
    job_free(&am->job);
    free(am);
}

/* Make the endpoint; `job` and `bell` are its from now on, also on failure. */
static int endpoint_make(struct am **result, const struct am_job *job, const struct bell *bell,
                         unsigned flags)
{
    struct am *am = aligned_alloc(64, (sizeof(*am) + 63) / 64 * 64);
    int error;

    *result = NULL;
    if (!am)
        return -ENOMEM;
    memset(am, 0, sizeof(*am));
    am->job = *job;
    am->launcher = job->pmi ? &pmi_ops : &control_ops;
    am->bell = *bell;
    am->work_end = &am->work;
    am->polls_to_control =
        1; /* lines that came with the last ones of the joining are in no descriptor */
    am->threads = flags & AM_THREADS;
    am->spin = job->domu ? AM_SPIN_DOMAIN : AM_SPIN;
    wait_open(am);
    error = am_lock_create(am);
    if (error == 0 && !am->job.incarnation &&
        getrandom(&am->job.incarnation, sizeof(am->job.incarnation), 0) < 0)
        error = -errno;
    if (error == 0)
        error = transfer_open(am);
    if (error == 0) {
        am->peers = calloc(am->job.size, sizeof(*am->peers));
        am->ring = am->peers ? ring_open(am) : NULL;
        if (!am->ring)
            error = -ENOMEM;
    }
    if (error == 0 && am->job.port) {
        am->wire = wire_open(am, &am->job);
        if (!am->wire)
            error = -ENOMEM;
    }
    if (error < 0)
        am_free(am);
    else
        *result = am;
    return error;
}

int am_create(struct am **am, const struct am_job *job, unsigned flags)
{
    struct bell bell;
    int result = bell_create(&bell);

    *am = NULL;
    return result < 0 ? result : endpoint_make(am, job, &bell, flags);
}

int am_open(struct am **am, const struct am_options *options)
{
    struct am_job job = {.domu = environment_number("CARAVAN_DOMU", 0) > 0};
    struct bell bell;
    int result = 0;

    *am = NULL;
    if (job.domu)
        bell_none(&bell);
    else
        result = bell_create(&bell);
    if (result < 0) {
        am_complain(NULL, "cannot start: no memory or descriptors to wait on: %s",
                    strerror(-result));
        return result;
    }
    result = launcher_join(&job, &bell);
    if (result < 0) {
        bell_close(&bell);
        job_free(&job);
        return result;
    }
    result = endpoint_make(am, &job, &bell, options ? options->flags : 0);
    if (result < 0)
        am_complain(NULL, "cannot start: %s", strerror(-result));
    return result;
}

int am_close(struct am *am)
{
    int result;

    am_lock(am);
    result = am_drain(am);
    /* The last acknowledgement may be lost: whoever it was for needs us here until it has drained as well. */
    if (result == 0)
        result = am_fence(am);
    am_unlock(am);
    if (am->job.control && !am->broken)
        am->launcher->leave(am);
    am_free(am);
    return result;
}

uint32_t am_self(const struct am *am)
{
    return am->job.process;
}

uint32_t am_size(const struct am *am)
{
    return am->job.size;
}

uint32_t am_node(const struct am *am, uint32_t process)
{
    return process < am->job.size ? am->job.node_of[process] : UINT32_MAX;
}

const char *am_host(const struct am *am, uint32_t process)
{
    return process < am->job.size ? am->job.table[am->job.node_of[process]].host
                                  : "an unknown host";
}

uint32_t am_program(const struct am *am)
{
    return am->job.program;
}

uint64_t am_now(const struct am *am)
{
    struct timespec now;

    if (unlikely(am->job.clock != NULL))
        return am->job.clock(am->job.clock_context);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- out ----------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) int link_make(struct am *am, uint32_t peer, struct am_link **link)
{
    bool same_node = am->job.node_of[peer] == am->job.node;
    struct am_transport *transport = am->ring;

    if (peer != am->job.process && (!same_node || am->job.link == AM_LINK_WIRE))
        transport = am->wire;
    if (!transport) {
        am_complain(am, "no way to process %u on %s: this job was started without frames", peer,
                    am_host(am, peer));
        return -EHOSTDOWN;
    }
    *link = transport->ops->connect(transport, peer);
    am->peers[peer].link = *link;
    if (*link && transport == am->wire && am->job.beside)
        ring_meet(am->ring, peer, *link);
    return *link ? 0 : -ENOMEM;
}

static inline int link_find(struct am *am, uint32_t peer, struct am_link **link)
{
    if (unlikely(peer >= am->job.size))
        return -EINVAL;
    *link = am->peers[peer].link;
    if (unlikely(am->peers[peer].down))
        return -EHOSTDOWN;
    return likely(*link != NULL) ? 0 : link_make(am, peer, link);
}

int am_link_to(struct am *am, uint32_t peer, struct am_link **link)
{
    return link_find(am, peer, link);
}

static inline int request_send(struct am *am, uint32_t peer, unsigned handler, unsigned flags,
                               const uint64_t *args, unsigned nargs, const void *head,
                               size_t head_length, const void *body, size_t body_length)
{
    size_t length = head_length + body_length;
    struct am_outgoing message = {
        .header = {.length = (uint16_t)length,
                   .handler = (uint8_t)handler,
                   .flags = (uint8_t)(flags | nargs)},
        .args = args,
        .head = head,
        .head_length = head_length,
        .body = body,
        .body_length = body_length,
    };
    struct am_link *link;
    int result;

    if (unlikely(handler >= AM_HANDLERS || nargs > AM_MAX_ARGS))
        return -EINVAL;
    if (unlikely(length > AM_MAX_MEDIUM))
        return -EMSGSIZE;
    am_enter(am);
    result = link_find(am, peer, &link);
    if (likely(result == 0))
        result = link->ops->send(link, &message);
    am_leave(am);
    return result;
}

int am_request(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args, unsigned nargs,
               const void *payload, size_t length)
{
    return request_send(am, peer, handler, 0, args, nargs, payload, length, NULL, 0);
}

int am_request2(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                unsigned nargs, const void *head, size_t head_length, const void *body,
                size_t body_length)
{
    return request_send(am, peer, handler, 0, args, nargs, head, head_length, body, body_length);
}

int am_request_reply(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                     unsigned nargs, const void *payload, size_t length)
{
    int result;

    if (unlikely(peer >= am->job.size))
        return -EINVAL;
    if (am->peers[peer].replies_awaited == AM_REPLIES)
        return am->peers[peer].down ? -EHOSTDOWN : -EAGAIN;
    result = request_send(am, peer, handler, AM_WANTS_REPLY, args, nargs, payload, length, NULL, 0);
    if (result == 0)
        am->peers[peer].replies_awaited++;
    return result;
}

int am_reply(struct am *am, uint32_t peer, uint64_t token, unsigned handler, const uint64_t *args,
             unsigned nargs, const void *payload, size_t length)
{
    int result;

    if (unlikely(peer >= am->job.size || token == 0 || am->peers[peer].replies_owed == 0))
        return -EINVAL;
    if (unlikely(length > AM_MAX_REPLY))
        return -EMSGSIZE;
    result = request_send(am, peer, handler, AM_IS_REPLY, args, nargs, payload, length, NULL, 0);
    if (result == 0)
        am->peers[peer].replies_owed--;
    return result;
}

size_t am_max_medium(const struct am *am)
{
    return AM_MAX_MEDIUM;
}

/* ---- in ------------------------------------------------------------------------------------------------ */

int am_set_handler(struct am *am, unsigned index, am_handler *handler, void *context)
{
    if (index >= AM_HANDLERS)
        return -EINVAL;
    am->handlers[index] = (struct handler_entry){.function = handler, .context = context};
    return 0;
}

/* The replies that are owed are counted on both sides: a peer that answers what nobody asked, or asks for more than was
 * agreed, is wrong. */
static __attribute__((noinline)) int reply_check(struct peer *peer, unsigned flags)
{
    if (flags & AM_IS_REPLY)
        return peer->replies_awaited > 0 ? 0 : -EPROTO;
    return peer->replies_owed < AM_REPLIES ? 0 : -EPROTO;
}

int am_deliver(struct am *am, uint32_t source, struct am_header header, const uint64_t *args,
               const void *payload)
{
    struct am_message message = {
        .source = source,
        .nargs = header.flags & AM_NARGS,
        .args = args,
        .payload = payload,
        .length = header.length,
    };
    const struct handler_entry *entry;

    if (unlikely(header.handler >= AM_HANDLERS))
        return transfer_deliver(am, source, header, args, payload);
    entry = &am->handlers[header.handler];
    if (unlikely(!entry->function))
        return -EAGAIN;
    if (unlikely(header.flags & (AM_WANTS_REPLY | AM_IS_REPLY))) {
        struct peer *peer = &am->peers[source];
        int result = reply_check(peer, header.flags);

        if (result < 0)
            return result;
        if (header.flags & AM_IS_REPLY) {
            peer->replies_awaited--;
        } else {
            peer->replies_owed++;
            message.token = 1;
        }
    }
    entry->function(am, &message, entry->context);
    return 0;
}

/* ---- deferred work --------------------------------------------------------------------------------------- */

void am_defer(struct am *am, struct am_work *work)
{
    work->next = NULL;
    *am->work_end = work;
    am->work_end = &work->next;
}

/* Run what was deferred before now, once; what finds no room stays, before what was deferred meanwhile.
 * Returns how many ended: a waiting caller may wait for just that. */
static __attribute__((noinline)) int work_run(struct am *am)
{
    struct am_work *work = am->work, *next;
    struct am_work *kept = NULL, **kept_end = &kept;
    int ended = 0;

    am->work = NULL;
    am->work_end = &am->work;
    for (; work; work = next) {
        next = work->next;
        if (work->run(am, work) == -EAGAIN) {
            work->next = NULL;
            *kept_end = work;
            kept_end = &work->next;
        } else {
            ended++;
        }
    }
    if (kept) {
        *kept_end = am->work;
        if (!am->work)
            am->work_end = kept_end;
        am->work = kept;
    }
    return ended;
}

/* ---- progress ---------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) int control_look(struct am *am)
{
    int result;

    am->polls_to_control = am->job.domu ? POLLS_PER_CONTROL_DOMAIN : POLLS_PER_CONTROL;
    if (!am->job.control || am->broken)
        return am->broken;
    am->looks++;
    result = am->launcher->poll(am);
    if (result < 0)
        am->broken = result;
    return result;
}

/* What other threads wait for may be among what was handled. */
static __attribute__((noinline)) void tell_waiters(struct am *am)
{
    am->events++;
    if (!am->waiters)
        return;
    pthread_cond_broadcast(&am->progressed);
    if (am->sleeper)
        bell_ring_slow(&am->bell);
}

int am_poll_inside(struct am *am)
{
    int handled = 0;

    if (unlikely(--am->polls_to_control == 0)) {
        handled = control_look(am);
        if (handled < 0)
            return handled;
    }
    handled += am->ring->ops->poll(am->ring);
    if (am->wire)
        handled += am->wire->ops->poll(am->wire);
    if (am->work)
        handled += work_run(am);
    if (unlikely(am->threads) && handled > 0)
        tell_waiters(am);
    return handled;
}

int am_poll(struct am *am)
{
    int handled;

    am_enter(am);
    am_control_when_due(am);
    handled = am_poll_inside(am);
    am_leave(am);
    return handled;
}

/* ---- failure -------------------------------------------------------------------------------------------- */

void am_report_down(struct am *am, uint32_t process, const char *reason)
{
    if (process >= am->job.size || am->peers[process].down)
        return;
    am->peers[process].down = true;
    am->ring->ops->peer_down(am->ring, process);
    if (am->wire)
        am->wire->ops->peer_down(am->wire, process);
    transfer_peer_down(am, process);
    if (am->down_function)
        am->down_function(am, process, reason, am->down_context);
}

void am_on_peer_down(struct am *am, am_peer_down *function, void *context)
{
    am->down_function = function;
    am->down_context = context;
}

void am_abort(struct am *am, int status, const char *text)
{
    if (am && am->job.control)
        am->launcher->abort(am, status, text);
    else if (text)
        am_complain(am, "%s", text);
    fflush(NULL);
    _exit(status);
}

/* ---- looking at it ---------------------------------------------------------------------------------------- */

int am_describe(struct am *am, uint32_t process, char *text, size_t size)
{
    const struct am_link *link = process < am->job.size ? am->peers[process].link : NULL;
    int length;

    if (process >= am->job.size)
        return snprintf(text, size, "no such process");
    if (!link)
        return snprintf(text, size, "nothing sent yet");
    am_enter(am);
    length = link->ops->describe(am->peers[process].link, text, size);
    am_leave(am);
    return length;
}

uint64_t am_counter(const struct am *am, unsigned index, const char **name)
{
    const struct {
        const char *name;
        uint64_t value;
    } own[] = {
        {"sleeps", am->sleeps},
        {"moves", am->moves},
        {"control_looks", am->looks},
    };
    const struct am_transport *transports[] = {am->ring, am->wire};
    const unsigned owned = sizeof(own) / sizeof(own[0]);

    if (index < owned) {
        *name = own[index].name;
        return own[index].value;
    }
    index -= owned;
    *name = NULL;
    for (unsigned i = 0; i < 2 && transports[i]; i++) {
        unsigned known = 0;

        do {
            uint64_t value = transports[i]->ops->counter(transports[i], known, name);

            if (!*name)
                break;
            if (known++ == index)
                return value;
        } while (true);
        index -= known;
    }
    return 0;
}
