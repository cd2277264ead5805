/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/schedule.c: schedules: made, carried out, ended.
 *
 * The messages of a round are the core's own requests, *parts*. The last one that ends puts its schedule into a list, which
 * every call that polls goes through after the poll (core_poll, core_wait): a part may end in a handler, where nothing can
 * be sent and no function of the program be called. Reductions and copies are done without core_lock.
 *
 * An error ends the schedule once the parts under way have ended or were cancelled; except a message of another length or
 * another operation: the others rely on what this process has yet to send, so it goes on, and reports the error at the end.
 */
#include <assert.h>
#include <stdlib.h>

#include "mpi-shim/coll/copy.h"
#include "mpi-shim/coll/schedule.h"
#include "mpi-shim/coll/scratch.h"
#include "mpi-shim/coll/tags.h"
#include "mpi-shim/core/p2p.h"

enum step_kind { STEP_SEND, STEP_RECV, STEP_COPY, STEP_REDUCE, STEP_CALL, STEP_ROUND };

struct step {
    uint8_t kind; /* of enum step_kind */
    int peer;
    struct comm *comm;
    struct schedule *schedule;
    struct request *part; /* while under way */
    /* What is sent, copied from, or the operand of the lower ranks. */
    const char *from;
    size_t from_count;
    struct datatype *from_type;
    /* What is received, copied to, or reduced into. */
    char *to;
    size_t to_count;
    struct datatype *to_type;
    union {
        struct op *op;
        struct {
            int (*function)(struct schedule *schedule, void *context);
            void *context;
        } call;
    };
};

struct owned {
    struct owned *next;
    void *allocated;
};

struct schedule {
    struct comm *comm;
    uint64_t called;         /* what its messages say of it (core/call.h) */
    struct request *request; /* the program's */
    struct step *steps;
    size_t count, room;
    size_t retained;  /* steps before this hold references */
    size_t round;     /* the first step of this round */
    size_t next;      /* to begin next */
    unsigned pending; /* parts under way */
    int tag;
    bool running; /* a thread is in schedule_advance */
    bool ready;   /* in the list of those that can go on */
    bool broken;  /* nothing more is begun */
    struct schedule *next_ready;
    struct owned *owned;
    void (*at_end)(void *context, int error);
    void *at_end_context;
};

struct schedule *schedules_ready;
static struct schedule **ready_end = &schedules_ready;

/* ---- making ------------------------------------------------------------------------------------- */

struct schedule *schedule_create(struct comm *comm, uint64_t called)
{
    struct schedule *schedule = memory_get(sizeof(*schedule));

    schedule->comm = comm;
    schedule->called = called;
    return schedule;
}

static struct step *step_append(struct schedule *schedule, enum step_kind kind)
{
    struct step *step;

    if (schedule->count == schedule->room) {
        size_t room = schedule->room ? 2 * schedule->room : 16;
        struct step *more = memory_get(room * sizeof(*more));

        if (schedule->count)
            memcpy(more, schedule->steps, schedule->count * sizeof(*more));
        free(schedule->steps);
        schedule->steps = more;
        schedule->room = room;
    }
    step = &schedule->steps[schedule->count++];
    step->kind = (uint8_t)kind;
    step->schedule = schedule;
    return step;
}

void schedule_send(struct schedule *schedule, const void *buffer, size_t count,
                   struct datatype *type, int dest, struct comm *comm)
{
    struct step *step = step_append(schedule, STEP_SEND);

    step->from = buffer;
    step->from_count = count;
    step->from_type = type;
    step->peer = dest;
    step->comm = comm;
}

void schedule_recv(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                   int source, struct comm *comm)
{
    struct step *step = step_append(schedule, STEP_RECV);

    step->to = buffer;
    step->to_count = count;
    step->to_type = type;
    step->peer = source;
    step->comm = comm;
}

void schedule_copy(struct schedule *schedule, const void *from, size_t from_count,
                   struct datatype *from_type, void *to, size_t to_count, struct datatype *to_type)
{
    struct step *step = step_append(schedule, STEP_COPY);

    step->from = from;
    step->from_count = from_count;
    step->from_type = from_type;
    step->to = to;
    step->to_count = to_count;
    step->to_type = to_type;
    step->peer = schedule->comm->rank;
}

void schedule_reduce(struct schedule *schedule, struct op *op, const void *in, void *inout,
                     size_t count, struct datatype *type)
{
    struct step *step = step_append(schedule, STEP_REDUCE);

    step->op = op;
    step->from = in;
    step->to = inout;
    step->to_count = count;
    step->to_type = type;
}

void schedule_call(struct schedule *schedule, int (*function)(struct schedule *, void *),
                   void *context)
{
    struct step *step = step_append(schedule, STEP_CALL);

    step->call.function = function;
    step->call.context = context;
}

void schedule_round(struct schedule *schedule)
{
    step_append(schedule, STEP_ROUND);
}

void schedule_at_end(struct schedule *schedule, void (*function)(void *context, int error),
                     void *context)
{
    schedule->at_end = function;
    schedule->at_end_context = context;
}

int schedule_error(const struct schedule *schedule)
{
    return schedule->request->status.error;
}

void schedule_own(struct schedule *schedule, void *allocated)
{
    struct owned *owned = memory_get(sizeof(*owned));

    owned->allocated = allocated;
    owned->next = schedule->owned;
    schedule->owned = owned;
}

void *schedule_scratch(struct schedule *schedule, size_t count, const struct datatype *type)
{
    ptrdiff_t first;
    size_t span = elements_span(type, count, &first);
    char *allocated = memory_get(span ? span : 1);

    schedule_own(schedule, allocated);
    return allocated - first;
}

uint32_t schedule_number(const struct schedule *schedule)
{
    return (uint32_t)(schedule->tag - TAG_SCHEDULE);
}

/* Hold on to what the steps from `retained` on use. The caller holds core_lock. */
static void steps_retain(struct schedule *schedule)
{
    for (; schedule->retained < schedule->count; schedule->retained++) {
        struct step *step = &schedule->steps[schedule->retained];

        if (step->from_type)
            datatype_retain(step->from_type);
        if (step->to_type)
            datatype_retain(step->to_type);
        if (step->kind == STEP_REDUCE)
            op_retain(step->op);
    }
}

static void steps_release(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->retained; i++) {
        struct step *step = &schedule->steps[i];

        if (step->from_type)
            datatype_release(step->from_type);
        if (step->to_type)
            datatype_release(step->to_type);
        if (step->kind == STEP_REDUCE)
            op_release(step->op);
    }
}

void schedule_drop(struct schedule *schedule)
{
    while (schedule->owned) {
        struct owned *owned = schedule->owned;

        schedule->owned = owned->next;
        free(owned->allocated);
        free(owned);
    }
    free(schedule->steps);
    free(schedule);
}

void schedule_free(struct schedule *schedule)
{
    steps_release(schedule);
    schedule_drop(schedule);
}

/* ---- parts -------------------------------------------------------------------------------------- */

static void ready_append(struct schedule *schedule)
{
    if (schedule->ready || schedule->running)
        return;
    schedule->ready = true;
    schedule->next_ready = NULL;
    *ready_end = schedule;
    ready_end = &schedule->next_ready;
}

/* The first error is the operation's. */
static void schedule_fail(struct schedule *schedule, int error)
{
    struct request *request = schedule->request;

    if (request->status.error == 0)
        request->status.error = error;
    if (error != ERR_TRUNCATE && error != ERR_COUNT && !request->unfit)
        schedule->broken = true;
}

/* Remember for request_explain what it will say. */
static void part_failed(struct schedule *schedule, const struct request *part)
{
    struct request *request = schedule->request;

    if (request->status.error == 0) {
        request->process = part->process;
        request->peer = part->kind == REQUEST_SEND ? part->peer : part->status.source;
        request->arrived = part->arrived; /* or `said` */
        request->unfit = part->unfit;
        request->length = part->length;
        request->called = part->called;
    }
    schedule_fail(schedule, part->status.error);
}

void schedule_part_ended(struct request *part)
{
    struct step *step = part->owner;
    struct schedule *schedule = step->schedule;

    if (unlikely(part->status.error))
        part_failed(schedule, part);
    step->part = NULL;
    schedule->pending--;
    request_put(part);
    if (schedule->pending == 0 || schedule->broken)
        ready_append(schedule);
}

static struct request *part_get(struct step *step, enum request_kind kind)
{
    struct request *part = request_get(kind);

    part->flags = REQUEST_PART | REQUEST_COLLECTIVE_CONTEXT;
    part->owner = step;
    part->called = step->schedule->called;
    part->comm = step->comm;
    comm_retain(step->comm);
    step->part = part;
    step->schedule->pending++;
    return part;
}

static void send_start_part(struct step *step)
{
    struct comm *comm = step->comm;
    struct datatype *type = step->from_type;
    size_t length = step->from_count * type->size;
    int tag = step->schedule->tag;
    struct request *part;

    if (type->dense && length <= core.eager &&
        eager_send_called(comm, step->peer, tag, step->schedule->called, step->from + type->true_lb,
                          length) == 0)
        return;
    part = part_get(step, REQUEST_SEND);
    send_fill(part, SEND_STANDARD, step->from, step->from_count, type, step->peer, tag, comm);
    send_begin(part);
}

static void recv_start_part(struct step *step)
{
    struct request *part = part_get(step, REQUEST_RECV);

    receive_fill(part, step->to, step->to_count, step->to_type);
    receive_begin(part, step->comm->coll_match, step->peer, step->schedule->tag);
}

/* Nothing will come of the operation: take back what can be. */
static void parts_withdraw(struct schedule *schedule)
{
    for (size_t i = schedule->round; i < schedule->next; i++) {
        if (schedule->steps[i].part)
            request_withdraw(schedule->steps[i].part);
    }
}

/* ---- local steps -------------------------------------------------------------------------------- */

static void copy_run(struct schedule *schedule, const struct step *step)
{
    int error = block_copy(step->from, step->from_count, step->from_type, step->to, step->to_count,
                           step->to_type);

    if (likely(error == 0))
        return;
    if (schedule->request->status.error == 0) {
        schedule->request->peer = step->peer;
        schedule->request->arrived = step->from_count * step->from_type->size;
        schedule->request->length = step->to_count * step->to_type->size;
    }
    schedule_fail(schedule, error);
}

/* ---- carrying out ------------------------------------------------------------------------------- */

static void step_begin(struct schedule *schedule, struct step *step)
{
    int error = 0;

    switch (step->kind) {
    case STEP_SEND:
        send_start_part(step);
        break;
    case STEP_RECV:
        recv_start_part(step);
        break;
    case STEP_COPY:
        core_unlock();
        copy_run(schedule, step);
        core_lock();
        break;
    case STEP_REDUCE:
        core_unlock();
        error = op_reduce(step->op, step->from, step->to, step->to_count, step->to_type);
        core_lock();
        break;
    case STEP_CALL:
        assert(schedule->pending == 0); /* a step that is appended may move those of parts */
        error = step->call.function(schedule, step->call.context);
        steps_retain(schedule);
        break;
    }
    if (unlikely(error))
        schedule_fail(schedule, error);
}

static void schedule_end(struct schedule *schedule)
{
    struct request *request = schedule->request;

    if (schedule->at_end) {
        core_unlock();
        schedule->at_end(schedule->at_end_context, request->status.error);
        core_lock();
    }
    if (!(request->flags & REQUEST_PERSISTENT))
        schedule_free(schedule);
    request_complete(request);
}

/* Begin what can begin. True: the operation has ended. */
static bool schedule_advance(struct schedule *schedule)
{
    schedule->running = true;
    for (;;) {
        while (!schedule->broken && schedule->next < schedule->count &&
               schedule->steps[schedule->next].kind != STEP_ROUND)
            step_begin(schedule, &schedule->steps[schedule->next++]);
        if (unlikely(schedule->broken))
            parts_withdraw(schedule);
        if (schedule->pending > 0)
            break;
        if (schedule->broken || schedule->next == schedule->count) {
            schedule->running = false;
            schedule_end(schedule);
            return true;
        }
        schedule->round = ++schedule->next;
    }
    schedule->running = false;
    return false;
}

/* A thread that waits for one which ended here may have gone to sleep while the lock was free. */
void schedules_progress(void)
{
    do {
        bool ended = false;

        while (schedules_ready) {
            struct schedule *schedule = schedules_ready;

            schedules_ready = schedule->next_ready;
            if (!schedules_ready)
                ready_end = &schedules_ready;
            schedule->ready = false;
            ended |= schedule_advance(schedule);
        }
        if (ended && core.threads)
            core_wake();
    } while (schedules_ready);
}

/* ---- starting ----------------------------------------------------------------------------------- */

/* The caller holds core_lock. */
static struct request *schedule_attach(struct schedule *schedule)
{
    struct request *request = request_get(REQUEST_COLLECTIVE);
    struct comm *comm = schedule->comm;

    schedule->request = request;
    schedule->tag = TAG_SCHEDULE + (int)(comm->schedules++ % SCHEDULE_TAGS);
    steps_retain(schedule);
    request->schedule = schedule;
    request->comm = comm;
    comm_retain(comm);
    request->peer = PROC_NULL;
    request->process = core.processes;
    status_empty(&request->status);
    return request;
}

int schedule_begin(struct schedule *schedule, struct request **made)
{
    core_lock();
    *made = schedule_attach(schedule);
    schedule_advance(schedule);
    core_unlock();
    return 0;
}

int schedule_keep(struct schedule *schedule, struct request **made)
{
    struct request *request;

    core_lock();
    request = schedule_attach(schedule);
    request->flags |= REQUEST_PERSISTENT;
    request->complete = true;
    request->active = false;
    core_unlock();
    *made = request;
    return 0;
}

void schedule_restart(struct schedule *schedule)
{
    schedule->round = 0;
    schedule->next = 0;
    schedule->broken = false;
    schedule->request->process = core.processes;
    schedule->request->unfit = false;
    status_empty(&schedule->request->status);
    schedule_advance(schedule);
}

int schedule_run(struct schedule *schedule)
{
    struct request *request;

    schedule_begin(schedule, &request);
    return request_wait_in(NULL, &request, NULL);
}
