/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/init.c: the process's part in the job, from MPI_Init to MPI_Finalize.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mpi-shim/coll/coll.h"
#include "mpi-shim/core/p2p.h"

struct core core;

void core_abort(int status, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (core.am)
        am_abort(core.am, status, text);
    fprintf(stderr, "caravan: %s\n", text);
    exit(status);
}

static struct group *world_group(uint32_t first, uint32_t size)
{
    uint32_t *processes = memory_get(size * sizeof(*processes));
    struct group *group;

    for (uint32_t i = 0; i < size; i++)
        processes[i] = first + i;
    group_of_processes((int)size, processes, &group);
    free(processes);
    return group;
}

static void comm_predefine(struct comm *comm, uint32_t context, uint32_t first, uint32_t size,
                           const char *name)
{
    memset(comm, 0, sizeof(*comm));
    comm->predefined = true;
    comm->errhandler = core.predefined.fatal;
    snprintf(comm->name, sizeof(comm->name), "%s", name);
    context_take(context);
    comm_setup(comm, context, world_group(first, size));
}

static void predefine(void)
{
    struct core_predefined *predefined = &core.predefined;

    *predefined->group_empty = (struct group){
        .magic = GROUP_MAGIC, .references = 1, .rank = UNDEFINED, .predefined = true};
    memset(predefined->request_null, 0, sizeof(*predefined->request_null));
    predefined->request_null->magic = REQUEST_MAGIC;
    predefined->request_null->kind = REQUEST_NULL;
    predefined->request_null->complete = true;
    status_empty(&predefined->request_null->status);
    memset(predefined->message_none, 0, sizeof(*predefined->message_none));
    predefined->message_none->magic = MESSAGE_MAGIC;
    predefined->message_none->kind = MESSAGE_NO_PROC;
    predefined->message_none->predefined = true;
    comm_predefine(predefined->world, 0, 0, core.processes, "MPI_COMM_WORLD");
    comm_predefine(predefined->self, 2, core.self, 1, "MPI_COMM_SELF");
}

int core_init(const struct core_predefined *predefined, int level, int *provided)
{
    struct am_options options = {.flags = level == THREAD_MULTIPLE ? AM_THREADS : 0};
    int error = am_open(&core.am, &options);

    if (error) {
        error_note(ERR_OTHER, "the message layer could not join the job: %s", strerror(-error));
        return ERR_OTHER;
    }
    core.predefined = *predefined;
    core.processes = am_size(core.am);
    core.self = am_self(core.am);
    core.eager = (uint32_t)am_max_medium(core.am);
    core.thread_level = level;
    core.threads = level == THREAD_MULTIPLE;
    coll_configure();
    if (peers_create() != 0)
        core_abort(1, "out of memory: no room for %u processes", core.processes);
    core_lock();
    predefine();
    receive_handlers();
    send_handlers();
    call_handlers();
    waiting_answer();
    core_unlock();
    core.initialized = true;
    *provided = level;
    return 0;
}

/* The program has ended its operations, but not those which it cannot wait for: sends that it freed or that are
 * buffered. Their receivers are served here; am_close waits until everything is acknowledged and everyone is here. */
int core_finalize(void)
{
    char reason[512] = "";
    const struct peer *down;
    int error;

    core_lock();
    while (peers_busy() || buffered_busy() || requests_detached > 0 || rendezvous_busy())
        core_wait(&(struct waiting){.call = "MPI_Finalize"});
    core.finalized = true;
    core_unlock();
    error = am_close(core.am);
    core.am = NULL;
    down = comm_peer_down(core.predefined.world);
    if (down && down->reason)
        snprintf(reason, sizeof(reason), ": %s", down->reason);
    comm_predefined_end(core.predefined.world);
    comm_predefined_end(core.predefined.self);
    idup_end();
    contexts_destroy();
    peers_destroy();
    memory_trim();
    return error ? error_note(ERR_OTHER, "the processes could not end together: %s%s",
                              strerror(-error), reason)
                 : 0;
}
