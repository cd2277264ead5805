/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/rendezvous.c: the receiver's half of a rendezvous: pull the bytes from where the sender exposed them.
 *
 * The sender's half is in send.c: am_expose, a message of handler RENDEZVOUS, and am_conceal when
 * RENDEZVOUS_DONE came back. A receive for fewer bytes than were sent pulls those that fit and fails; so does one of a
 * collective call for more.
 */
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

struct pull {
    struct am_work work; /* first */
    struct request *request;
    uint32_t process;
    struct am_memory memory;
    uint64_t name;
    size_t length;
};

static unsigned pulls;

static void pull_done(struct am *am, void *context, int status)
{
    struct pull *pull = context;
    struct request *request = pull->request;

    if (unlikely(status != 0))
        request->status.error = status == -EHOSTDOWN ? ERR_OTHER : ERR_INTERN;
    memory_return(pull, sizeof(*pull));
    pulls--;
    request_complete(request);
}

static void unpack(void *data, size_t offset, const void *packed, size_t length)
{
    const struct request *request = data;

    datatype_unpack(request->type, request->user, request->count, offset, packed, length);
}

/* Deferred work, and the first try. */
static int pull_try(struct am *am, struct am_work *work)
{
    struct pull *pull = (struct pull *)(void *)work;
    struct request *request = pull->request;
    struct peer *peer = &core.peers[pull->process];
    uint32_t owed = peer->owed;
    uint64_t args[2] = {pull->name, owed};
    int error;

    /* What pull_done frees is not touched after this; and the credit is spoken for if it runs in here. */
    peer->owed = 0;
    if (unlikely(request->flags & REQUEST_GAPS))
        error = am_get_unpacked(am, pull->process, &pull->memory, 0, unpack, request_run, request,
                                pull->length, HANDLER_RENDEZVOUS_DONE, args, 2, pull_done, pull);
    else
        error = am_get(am, pull->process, &pull->memory, 0, request->buffer, pull->length,
                       HANDLER_RENDEZVOUS_DONE, args, 2, pull_done, pull);
    if (error == 0)
        return 0;
    peer->owed += owed;
    if (error == -EAGAIN)
        return error;
    if (unlikely(error == -ENOMEM))
        core_abort(1, "out of memory: %zu bytes to receive a message in", pull->length);
    pull_done(am, pull, error);
    return 0;
}

void rendezvous_pull(struct request *request, uint32_t process, const struct am_memory *memory,
                     size_t length, uint64_t name, bool in_handler)
{
    struct pull *pull = memory_take(sizeof(*pull));

    if (unlikely(length > request->length)) {
        request->status.error = ERR_TRUNCATE;
        request->arrived = length;
        length = request->length;
    } else if (unlikely(length < request->length && request->called)) {
        request->status.error = ERR_COUNT;
        request->arrived = length;
    }
    request->status.count = length;
    request->phase = PHASE_PULLING;
    *pull = (struct pull){.work = {.run = pull_try},
                          .request = request,
                          .process = process,
                          .memory = *memory,
                          .name = name,
                          .length = length};
    pulls++;
    if (in_handler || pull_try(core.am, &pull->work) == -EAGAIN)
        am_defer(core.am, &pull->work);
}

bool rendezvous_busy(void)
{
    return pulls != 0;
}
