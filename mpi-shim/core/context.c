/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/context.c: context numbers: which queues a message belongs to, and how processes agree on a new one.
 *
 * Everyone proposes the lowest number that is free with it, and all take the largest proposal if everybody proposed it;
 * otherwise they propose again from there on. That is one round when the processes' histories are alike.
 *
 * With threads, two communicators may be made at once. In a process only one thread at a time proposes a number: the
 * one whose agreement has the lowest order (the context of its parent communicator, which all members know); the others
 * take part without a proposal, which makes everybody try again. The lowest of all is thus never refused.
 *
 * MPI_Comm_idup agrees by the same proposals, but may wait for nobody, so many may be under way (idup.c). A number is
 * taken while it is proposed.
 */
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

static struct taking {
    struct taking *next;
    uint32_t order;
    int tag;
} * taking; /* agreements under way in this process */
static bool proposing;

static uint8_t *taken; /* of context / 2: a communicator of this process has it */
static uint32_t taken_size;

/* ---- queues ------------------------------------------------------------------------------------- */

struct match *context_match_slow(uint32_t context)
{
    if (context >= core.contexts) {
        uint32_t size = core.contexts ? core.contexts : 16;
        struct match **grown;

        if (context >= CONTEXTS_MAX)
            core_abort(1, "a message for communicator context %u: no process has made so many",
                       context);
        while (size <= context)
            size *= 2;
        grown = memory_get(size * sizeof(struct match *));
        if (core.contexts)
            memcpy(grown, core.context, core.contexts * sizeof(*grown));
        free(core.context);
        core.context = grown;
        core.contexts = size;
    }
    if (!core.context[context])
        core.context[context] = match_create();
    return core.context[context];
}

static bool drop_message(struct match_message *match, void *context)
{
    struct message *message = message_of(match);

    match_take(context, match);
    if (message->kind != MESSAGE_RENDEZVOUS)
        core.peers[message->process].owed += (uint32_t)message->length + MESSAGE_COST;
    message_free(message);
    return false;
}

static void queues_drop(uint32_t context)
{
    struct match *match = core.context[context];

    match_each_message(match, drop_message, match);
    match_destroy(match);
    core.context[context] = NULL;
}

void context_take(uint32_t context)
{
    uint32_t index = context / 2;

    if (index >= taken_size) {
        uint32_t size = taken_size ? taken_size : 16;
        uint8_t *grown;

        while (size <= index)
            size *= 2;
        grown = memory_get(size);
        if (taken_size)
            memcpy(grown, taken, taken_size);
        free(taken);
        taken = grown;
        taken_size = size;
    }
    taken[index] = 1;
}

void context_release(uint32_t context)
{
    taken[context / 2] = 0;
    queues_drop(context);
    queues_drop(context + 1);
}

void contexts_destroy(void)
{
    for (uint32_t i = 0; i < core.contexts; i++) {
        if (core.context[i])
            queues_drop(i);
    }
    free(core.context);
    free(taken);
    taken = NULL;
    taken_size = 0;
    core.context = NULL;
    core.contexts = 0;
}

/* ---- agreement ---------------------------------------------------------------------------------- */

static int team_rank(const struct team *team, int index)
{
    return team->ranks ? team->ranks[index] : index;
}

enum { VALUES = 3 };

static void values_maximum(int64_t values[VALUES], const int64_t other[VALUES])
{
    for (int i = 0; i < VALUES; i++)
        values[i] = other[i] > values[i] ? other[i] : values[i];
}

/* The element-wise maximum over the team: up a binomial tree to its first member, across to the other team's, and down
 * again. */
static int team_maximum(const struct team *team, int64_t values[VALUES])
{
    int64_t other[VALUES];
    int mask, error;

    for (mask = 1; mask < team->size; mask <<= 1) {
        if (team->self & mask) {
            int parent = team_rank(team, team->self - mask);

            error = coll_send(values, VALUES * sizeof(*values), &datatype_bytes, parent, team->tag,
                              team->comm);
            if (error == 0)
                error = coll_recv(values, VALUES * sizeof(*values), &datatype_bytes, parent,
                                  team->tag, team->comm);
            if (error)
                return error;
            break;
        }
        if (team->self + mask < team->size) {
            error = coll_recv(other, sizeof(other), &datatype_bytes,
                              team_rank(team, team->self + mask), team->tag, team->comm);
            if (error)
                return error;
            values_maximum(values, other);
        }
    }
    if (team->self == 0 && team->bridge) {
        error = coll_sendrecv(values, VALUES * sizeof(*values), &datatype_bytes, team->bridge_rank,
                              other, sizeof(other), &datatype_bytes, team->bridge_rank,
                              team->bridge_tag, team->bridge);
        if (error)
            return error;
        values_maximum(values, other);
    }
    for (mask >>= 1; mask > 0; mask >>= 1) {
        if (team->self + mask < team->size) {
            error = coll_send(values, VALUES * sizeof(*values), &datatype_bytes,
                              team_rank(team, team->self + mask), team->tag, team->comm);
            if (error)
                return error;
        }
    }
    return 0;
}

/* Comes before the other one in the order in which threads may propose. */
static bool first_to_propose(const struct taking *mine)
{
    for (const struct taking *other = taking; other; other = other->next) {
        if (other->order < mine->order || (other->order == mine->order && other->tag < mine->tag))
            return false;
    }
    return true;
}

/* The lowest from `from` on that no communicator of this process has. */
static uint32_t context_free(uint32_t from)
{
    uint32_t index = from / 2;

    while (index < taken_size && taken[index])
        index++;
    return 2 * index;
}

uint32_t context_propose(uint32_t from)
{
    uint32_t proposal = context_free(from);

    context_take(proposal);
    return proposal;
}

void context_refuse(uint32_t proposal)
{
    taken[proposal / 2] = 0;
}

int context_agree(const struct team *team, uint32_t *made)
{
    struct taking mine = {.order = team->order, .tag = team->tag};
    uint32_t from = 0;
    int error;

    core_lock();
    mine.next = taking;
    taking = &mine;
    core_unlock();
    for (;;) {
        int64_t values[VALUES];
        bool proposes;
        uint32_t proposal = 0;

        core_lock();
        proposes = !proposing && first_to_propose(&mine);
        if (proposes) {
            proposing = true;
            proposal = context_propose(from);
        }
        core_unlock();
        values[0] = proposal;
        values[1] = -(int64_t)proposal;
        values[2] = !proposes;
        error = team_maximum(team, values);
        core_lock();
        if (proposes) {
            proposing = false;
            if (error || values[2] != 0 || values[0] != -values[1])
                context_refuse(proposal);
        }
        core_unlock();
        if (error)
            break;
        if (values[2] == 0 && values[0] == -values[1]) {
            *made = (uint32_t)values[0];
            break;
        }
        if (values[2] == 0)
            from = (uint32_t)values[0];
    }
    core_lock();
    for (struct taking **link = &taking; *link; link = &(*link)->next) {
        if (*link == &mine) {
            *link = mine.next;
            break;
        }
    }
    core_unlock();
    return error;
}
