/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/idup.c: MPI_Comm_idup: a schedule (coll/schedule.h) that agrees on a context number.
 *
 * As in context.c everyone proposes a free number, and all take it if it is the same everywhere. But a process may have several
 * agreements under way and none may wait for another: it may be that the program lets the first one go on only once the
 * second has ended. So each takes what it proposes at once. Two that keep each other from the same numbers part: after a
 * refusal each goes on from a place that depends on its communicator and its number, further away each time.
 */
#include <stdlib.h>

#include "mpi-shim/coll/plan.h"
#include "mpi-shim/core/p2p.h"
#include "mpi-shim/topo/topo.h"

enum { FURTHEST = 10 }; /* log2 */

/* An inter-communicator needs two numbers: for itself, and for its local group. */
struct idup {
    struct comm *comm;
    struct comm *made;
    struct comm *agreeing; /* the communicator among whose processes the number is agreed on */
    uint32_t context;      /* proposed, and then agreed on */
    uint32_t from;
    unsigned attempts;
    bool
        refused; /* by a copy function of an attribute: the others are helped, and nothing is made */
    int64_t mine[2];   /* the number, and its negative */
    int64_t all[2][2]; /* the maxima over the own group and over the other one */
};

static struct op maximum;
static struct datatype integer;

static int propose(struct schedule *schedule, void *context);

static uint32_t distance(const struct idup *idup, uint32_t number)
{
    uint32_t hash = (idup->agreeing->context * 0x9e3779b9u) ^ (number * 0x85ebca6bu) ^
                    (idup->attempts * 0xc2b2ae35u);
    unsigned bits = idup->attempts < FURTHEST ? idup->attempts : FURTHEST;

    return 2 * (hash >> 7 & ((1u << bits) - 1));
}

static int check(struct schedule *schedule, void *context)
{
    struct idup *idup = context;
    struct comm *comm = idup->comm, *made = idup->made;
    bool across = idup->agreeing->remote;
    int64_t high = idup->all[0][0], low = idup->all[0][1];

    if (schedule_error(schedule))
        return schedule_error(schedule);
    if (across) {
        high = idup->all[1][0] > high ? idup->all[1][0] : high;
        low = idup->all[1][1] > low ? idup->all[1][1] : low;
    }
    if (high != -low) {
        context_refuse(idup->context);
        idup->attempts++;
        idup->from = (uint32_t)high + distance(idup, schedule_number(schedule));
        return propose(schedule, idup);
    }
    if (idup->agreeing != comm) {
        comm_setup(made->local, idup->context, comm->group);
        idup->agreeing = comm;
        idup->from = idup->attempts = 0;
        return propose(schedule, idup);
    }
    comm_setup(made, idup->context, comm->group);
    if (comm->remote) {
        made->remote = comm->remote;
        made->calls.more = true;
        made->peers = comm->peers;
        made->process = comm->process;
    }
    return 0;
}

static int propose(struct schedule *schedule, void *context)
{
    struct idup *idup = context;
    struct comm *among = idup->agreeing;

    idup->context = context_propose(idup->from);
    idup->mine[0] = idup->context;
    idup->mine[1] = -(int64_t)idup->context;
    plan_allreduce(schedule, idup->mine, idup->all[0], 2, &integer, &maximum,
                   among->remote ? among->local : among);
    schedule_round(schedule);
    if (among->remote) {
        plan_allreduce(schedule, idup->mine, idup->all[1], 2, &integer, &maximum, among);
        schedule_round(schedule);
    }
    schedule_call(schedule, check, idup);
    return 0;
}

/* The new one inherits now, as if it were made now; it gets its magic word when it may be used. */
static struct comm *comm_prepare(struct comm *comm)
{
    struct comm *made = memory_get(sizeof(*made));

    made->errhandler = comm->errhandler;
    core_lock();
    errhandler_retain(made->errhandler);
    core_unlock();
    group_retain(comm->group);
    return made;
}

/* ---- when nothing comes of it ------------------------------------------------------------------- */

/* What the program has as handles of communicators that never came to be: they stay to be told from others. */
static struct failed {
    struct failed *next;
    struct comm *comm;
} * failed;

/* The caller holds core_lock. */
static void part_drop(struct comm *made, struct group *group)
{
    made->magic = FREED_MAGIC;
    errhandler_release(made->errhandler);
    group_drop(group);
}

/* Numbers that were proposed stay taken: another process may believe that they were agreed on. */
static void ended(void *context, int error)
{
    struct idup *idup = context;
    struct comm *comm = idup->comm, *made = idup->made;
    struct failed *mine;

    if (!error && idup->refused)
        comm_free(made);
    if (!error)
        return;
    attributes_delete(OBJECT_COMM, made, &made->attributes);
    mine = memory_get(sizeof(*mine));
    core_lock();
    part_drop(made, comm->group);
    topology_release(made->topology);
    if (comm->remote) {
        group_drop(comm->remote);
        if (made->local->magic == COMM_MAGIC) {
            comm_release(made->local);
        } else {
            part_drop(made->local, comm->group);
            free(made->local);
        }
    }
    *mine = (struct failed){failed, made};
    failed = mine;
    core_unlock();
}

void idup_end(void)
{
    while (failed) {
        struct failed *next = failed->next;

        free(failed->comm);
        free(failed);
        failed = next;
    }
}

/* The others wait for this process's part; the program will not. The caller holds core_lock. */
static void detach(struct request **request)
{
    if ((*request)->complete) {
        core.completed--;
        request_put(*request);
    } else {
        requests_detached++;
        (*request)->flags |= REQUEST_DETACHED;
        (*request)->flags &= (uint8_t)~REQUEST_COUNTED;
    }
    *request = core.predefined.request_null;
}

int comm_idup(struct comm *comm, struct comm **out, struct request **request)
{
    struct comm *made = comm_prepare(comm);
    struct schedule *schedule = schedule_create(comm, call_word(CALL_COMM_DUP, 0, 0, 0));
    struct idup *idup = memory_get(sizeof(*idup));
    int error;

    if (comm->remote) {
        made->local = comm_prepare(comm);
        group_retain(comm->remote);
    }
    if (comm->topology)
        made->topology = topology_retain(comm->topology);
    core_lock();
    if (maximum.magic != OP_MAGIC) {
        op_predefine(&maximum, OPERATION_MAX, "MPI_MAX");
        datatype_predefine(&integer, ELEMENT_INT64, "MPI_INT64_T");
    }
    core_unlock();
    idup->comm = comm;
    idup->made = made;
    idup->agreeing = comm->remote ? comm->local : comm;
    /* Before anything can end: then nobody else has the communicator. */
    error = attributes_copy(OBJECT_COMM, comm, comm->attributes, made, &made->attributes);
    idup->refused = error != 0;
    schedule_own(schedule, idup);
    schedule_call(schedule, propose, idup);
    schedule_at_end(schedule, ended, idup);
    schedule_begin(schedule, request);
    if (error) {
        core_lock();
        detach(request);
        core_unlock();
        return error;
    }
    *out = made;
    return 0;
}
