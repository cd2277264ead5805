/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/leaks.c: mpirun --check: at MPI_Finalize every rank says which handles it did not free, which requests it did
 * not end, and which messages it did not receive.
 *
 * A handle is noted when a call gives it to the program and forgotten when the program gives it back, so that what the
 * library keeps for itself does not count. An object that was given several times (MPI_Comm_group) has to come back as often.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/coll/coll.h"
#include "mpi-shim/core/memory.h"

#include "check.h"

bool leaks_wanted;

enum { BUCKETS = 4096, LINES_MAX = 40 };

static struct given {
    struct given *next;
    enum handle_kind kind;
    int times;
    void *object;
    const char *call; /* that gave it first */
} * buckets[BUCKETS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void leaks_begin(void)
{
    const char *choice = getenv("CARAVAN_CHECK");

    leaks_wanted = choice && strcmp(choice, "1") == 0;
}

static struct given **given_find(enum handle_kind kind, const void *object)
{
    struct given **link = &buckets[((uintptr_t)object >> 5) % BUCKETS];

    while (*link && ((*link)->object != object || (*link)->kind != kind))
        link = &(*link)->next;
    return link;
}

static bool is_predefined(enum handle_kind kind, const void *object)
{
    switch (kind) {
    case HANDLE_COMM:
        return ((const struct comm *)object)->predefined;
    case HANDLE_GROUP:
        return ((const struct group *)object)->predefined;
    case HANDLE_DATATYPE:
        return ((const struct datatype *)object)->predefined;
    case HANDLE_ERRHANDLER:
        return ((const struct errhandler *)object)->predefined;
    default:
        return false;
    }
}

void leak_given(enum handle_kind kind, void *object, const char *call)
{
    struct given **link;

    if (!object || is_predefined(kind, object))
        return;
    pthread_mutex_lock(&mutex);
    link = given_find(kind, object);
    if (!*link) {
        *link = memory_get(sizeof(**link));
        **link = (struct given){.kind = kind, .object = object, .call = call};
    }
    (*link)->times++;
    pthread_mutex_unlock(&mutex);
}

void leak_returned(enum handle_kind kind, const void *object)
{
    struct given **link, *found;

    pthread_mutex_lock(&mutex);
    link = given_find(kind, object);
    found = *link;
    if (found && --found->times == 0) {
        *link = found->next;
        free(found);
    }
    pthread_mutex_unlock(&mutex);
}

/* ---- the report ----------------------------------------------------------------------------------- */

/* Equal lines, one after the other, become one. */
static struct {
    char text[256];
    int times;
    int lines;
    long more; /* that were not printed */
} report;

static void report_flush(void)
{
    char times[32] = "";

    if (report.times == 0)
        return;
    if (report.times > 1)
        snprintf(times, sizeof(times), " (%d times)", report.times);
    if (report.lines++ < LINES_MAX)
        fprintf(stderr, "caravan: check: rank %d: %s%s\n", core.predefined.world->rank, report.text,
                times);
    else
        report.more++;
    report.times = 0;
}

static void report_say(const char *text)
{
    if (strcmp(report.text, text) != 0) {
        report_flush();
        snprintf(report.text, sizeof(report.text), "%s", text);
    }
    report.times++;
}

static int given_compare(const void *a, const void *b)
{
    const struct given *left = *(struct given *const *)a, *right = *(struct given *const *)b;
    int call;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    call = strcmp(left->call, right->call);
    return call ? call : left->object < right->object ? -1 : left->object > right->object;
}

static void given_say(const struct given *given)
{
    static const char *const kinds[HANDLE_KINDS] = {[HANDLE_COMM] = "communicator",
                                                    [HANDLE_GROUP] = "group",
                                                    [HANDLE_DATATYPE] = "datatype",
                                                    [HANDLE_OP] = "operation",
                                                    [HANDLE_INFO] = "info",
                                                    [HANDLE_WIN] = "window",
                                                    [HANDLE_ERRHANDLER] = "error handler"};
    const char *name = "";
    char text[256];

    if (given->kind == HANDLE_COMM)
        name = ((struct comm *)given->object)->name;
    if (given->kind == HANDLE_DATATYPE)
        name = ((struct datatype *)given->object)->name;
    snprintf(text, sizeof(text), "the %s of %s%s%s%s was not freed", kinds[given->kind],
             given->call, name[0] ? " named \"" : "", name, name[0] ? "\"" : "");
    report_say(text);
}

void leaks_report(void)
{
    struct comm *world = core.predefined.world;
    char *bytes = memory_get(2 * (size_t)world->size);
    struct given **all;
    size_t count = 0;

    /* Messages from each process arrive in order: after this one all that it sent are here. It belongs to no call of the program's, whose
     * last one others may still be in. */
    world->calls.current = 0;
    coll_alltoall(bytes, 1, &datatype_bytes, bytes + world->size, 1, &datatype_bytes, world);
    free(bytes);

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < BUCKETS; i++) {
        for (struct given *given = buckets[i]; given; given = given->next)
            count++;
    }
    all = memory_get((count + 1) * sizeof(*all));
    count = 0;
    for (int i = 0; i < BUCKETS; i++) {
        for (struct given *given = buckets[i]; given; given = given->next)
            all[count++] = given;
    }
    qsort(all, count, sizeof(struct given *), given_compare);
    requests_tell(report_say);
    messages_tell(world, report_say);
    messages_tell(core.predefined.self, report_say);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->kind == HANDLE_COMM && comm_ok(all[i]->object))
            messages_tell(all[i]->object, report_say);
    }
    /* An MPI_Comm_idup that failed has left no communicator. */
    for (size_t i = 0; i < count; i++) {
        if (all[i]->kind != HANDLE_COMM || ((struct comm *)all[i]->object)->magic != FREED_MAGIC)
            given_say(all[i]);
    }
    report_flush();
    if (report.more > 0)
        fprintf(stderr, "caravan: check: rank %d: and %ld more\n", world->rank, report.more);
    for (size_t i = 0; i < count; i++)
        free(all[i]);
    free(all);
    memset(buckets, 0, sizeof(buckets));
    pthread_mutex_unlock(&mutex);
}
