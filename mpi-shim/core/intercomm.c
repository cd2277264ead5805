/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/intercomm.c: inter-communicators: made from two groups, from another one, and merged (MPI 3.1 section 6.6).
 *
 * A rank of one names a process of the other group; so `process` has the remote group's, and messages on its contexts go
 * between the groups. Within a group the communicator `local` serves. Whatever the groups have to tell each other is
 * told by one process of each, the leader, and passed on by `local`.
 */
#include <stdlib.h>

#include "mpi-shim/coll/coll.h"
#include "mpi-shim/core/p2p.h"

enum { TAG_BRIDGE = 1 << 29 };

/* One of the two groups, and how it reaches the other one. */
struct side {
    struct comm *local;
    int leader; /* rank there */
    struct comm *bridge;
    int bridge_rank; /* of the other leader */
    int bridge_tag;
};

static struct side side_of(struct comm *comm)
{
    return (struct side){.local = comm->local, .bridge = comm};
}

/* Everybody hears what the other leader has to say; *theirs is to be freed. */
static int side_exchange(const struct side *side, const void *mine, size_t size, void **theirs,
                         size_t *their_size)
{
    bool leads = side->local->rank == side->leader;
    int error = 0;
    char *buffer;

    if (leads)
        error = coll_sendrecv(&size, sizeof(size), &datatype_bytes, side->bridge_rank, their_size,
                              sizeof(*their_size), &datatype_bytes, side->bridge_rank,
                              side->bridge_tag, side->bridge);
    if (!error)
        error = coll_bcast(their_size, sizeof(*their_size), &datatype_bytes, side->leader,
                           side->local);
    if (error)
        return error;
    buffer = memory_get(*their_size + 1);
    if (leads)
        error = coll_sendrecv(mine, size, &datatype_bytes, side->bridge_rank, buffer, *their_size,
                              &datatype_bytes, side->bridge_rank, side->bridge_tag, side->bridge);
    if (!error)
        error = coll_bcast(buffer, *their_size, &datatype_bytes, side->leader, side->local);
    *theirs = buffer;
    if (error)
        free(buffer);
    return error;
}

/* A number that is free in both groups. `members` are the ranks of side->local that take part, the leader first. */
static int side_agree(const struct side *side, const int *members, int size, int self,
                      uint32_t order, uint32_t *context)
{
    struct team team = {.comm = side->local,
                        .ranks = members,
                        .size = size,
                        .self = self,
                        .order = order,
                        .bridge = side->bridge,
                        .bridge_rank = side->bridge_rank,
                        .bridge_tag = side->bridge_tag};

    return context_agree(&team, context);
}

/* Make one of two groups, whose references it takes over. Member i of `group` is rank members[i] of side->local; the
 * leader is one of them. */
static int side_join(const struct side *side, struct comm *parent, const int *members,
                     struct group *group, struct group *remote, uint32_t order, struct comm **made)
{
    int size = group->size, first = 0, error;
    int *ranks = memory_get((size_t)size * sizeof(*ranks));
    uint32_t context = 0, local_context = 0;
    struct team team = {.comm = side->local,
                        .ranks = members,
                        .size = size,
                        .self = group->rank,
                        .order = side->local->context};
    struct comm *comm;

    while (members[first] != side->leader)
        first++;
    for (int i = 0; i < size; i++)
        ranks[i] = members[(first + i) % size];
    error = side_agree(side, ranks, size, (group->rank - first + size) % size, order, &context);
    free(ranks);
    if (!error)
        error = context_agree(&team, &local_context);
    if (error) {
        group_release(group);
        group_release(remote);
        return error;
    }
    comm = comm_make(parent, context, group);
    comm->local = comm_make(parent, local_context, group_retain(group));
    comm->remote = remote;
    comm->calls.more = true;
    comm->peers = remote->size;
    comm->process = remote->process;
    *made = comm;
    return 0;
}

static int *ranks_all(int size)
{
    int *ranks = memory_get((size_t)size * sizeof(*ranks));

    for (int i = 0; i < size; i++)
        ranks[i] = i;
    return ranks;
}

/* ---- of two groups ------------------------------------------------------------------------------ */

int intercomm_create(struct comm *comm, int leader, struct comm *bridge, int remote_leader, int tag,
                     struct comm **made)
{
    struct side side = {.local = comm,
                        .leader = leader,
                        .bridge = bridge,
                        .bridge_rank = remote_leader,
                        .bridge_tag = TAG_BRIDGE | (tag & (TAG_BRIDGE - 1))};
    size_t size = (size_t)comm->size, bytes;
    uint32_t *mine = memory_get((size + 1) * sizeof(*mine)), *theirs, order;
    struct group *remote, *both;
    void *received;
    int *members;
    int error;

    mine[0] = comm->context;
    memcpy(mine + 1, comm->process, size * sizeof(*mine));
    error = side_exchange(&side, mine, (size + 1) * sizeof(*mine), &received, &bytes);
    free(mine);
    if (error)
        return error;
    theirs = received;
    /* The groups' own orders of their communicators need not agree. */
    order = theirs[0] < comm->context ? theirs[0] : comm->context;
    group_of_processes((int)(bytes / sizeof(*theirs)) - 1, theirs + 1, &remote);
    free(received);
    group_intersection(comm->group, remote, &both);
    if (both->size > 0)
        error = error_note(ERR_COMM, "the groups have %d processes in common", both->size);
    group_release(both);
    if (error) {
        group_release(remote);
        return error;
    }
    members = ranks_all(comm->size);
    error = side_join(&side, comm, members, group_retain(comm->group), remote, order, made);
    free(members);
    return error;
}

/* ---- of another one ----------------------------------------------------------------------------- */

int intercomm_dup(struct comm *comm, struct comm **made)
{
    struct side side = side_of(comm);
    int *members = ranks_all(comm->size);
    int error = side_join(&side, comm, members, group_retain(comm->group),
                          group_retain(comm->remote), comm->context, made);

    free(members);
    return error;
}

/* Of some ranks of both groups, in their new order. None for who is not among them, or where one side has nobody. */
static int subset_join(struct comm *comm, int *members, int size, const int *remote_members,
                       int remote_size, struct comm **made)
{
    struct side side = side_of(comm);
    struct group *group, *remote;
    bool among = false;

    for (int i = 0; i < size; i++)
        among |= members[i] == comm->rank;
    if (!among || remote_size == 0)
        return 0;
    side.leader = members[0];
    side.bridge_rank = remote_members[0];
    group_incl(comm->group, size, members, &group);
    group_incl(comm->remote, remote_size, remote_members, &remote);
    return side_join(&side, comm, members, group, remote, comm->context, made);
}

int intercomm_create_among(struct comm *comm, struct group *group, struct comm **made)
{
    struct side side = side_of(comm);
    size_t size = (size_t)group->size, bytes;
    int *own = ranks_all(group->size), *members = memory_get((size + 1) * sizeof(*members));
    void *theirs;
    int error = group_translate(group, group->size, own, comm->group, members);

    free(own);
    for (int i = 0; i < group->size && !error; i++) {
        if (members[i] == UNDEFINED)
            error = error_note(ERR_GROUP, "process %d of the group is not in the local group", i);
    }
    if (!error)
        error = side_exchange(&side, members, size * sizeof(*members), &theirs, &bytes);
    if (!error) {
        error = subset_join(comm, members, group->size, theirs, (int)(bytes / sizeof(*members)),
                            made);
        free(theirs);
    }
    free(members);
    return error;
}

static int *places_ranks(const struct place *places, int count)
{
    int *ranks = memory_get(((size_t)count + 1) * sizeof(*ranks));

    for (int i = 0; i < count; i++)
        ranks[i] = places[i].rank;
    return ranks;
}

int intercomm_split(struct comm *comm, int color, int key, struct comm **made)
{
    struct side side = side_of(comm);
    struct place mine = {color, key, comm->rank};
    size_t size = (size_t)comm->size * sizeof(mine), bytes;
    struct place *places = memory_get(size);
    int *members, *remote_members;
    int count, remote_count, error;
    void *theirs;

    error = coll_allgather(&mine, sizeof(mine), &datatype_bytes, places, sizeof(mine),
                           &datatype_bytes, comm->local);
    if (!error)
        error = side_exchange(&side, places, size, &theirs, &bytes);
    if (!error && color != UNDEFINED) {
        count = places_choose(places, comm->size, color);
        remote_count = places_choose(theirs, comm->peers, color);
        members = places_ranks(places, count);
        remote_members = places_ranks(theirs, remote_count);
        error = subset_join(comm, members, count, remote_members, remote_count, made);
        free(members);
        free(remote_members);
    }
    if (!error)
        free(theirs);
    free(places);
    return error;
}

int intercomm_merge(struct comm *comm, bool high, struct comm **made)
{
    struct side side = side_of(comm);
    size_t size = (size_t)comm->size, peers = (size_t)comm->peers, bytes;
    uint32_t *processes, context = 0;
    struct group *group;
    bool *theirs, first;
    void *received;
    int error = side_exchange(&side, &high, sizeof(high), &received, &bytes);

    if (error)
        return error;
    theirs = received;
    /* Two groups that say the same come in any order, the same in both. */
    first = high == *theirs ? comm->group->process[0] < comm->remote->process[0] : !high;
    free(received);
    error = side_agree(&side, NULL, comm->size, comm->rank, comm->context, &context);
    if (error)
        return error;
    processes = memory_get((size + peers) * sizeof(*processes));
    memcpy(processes + (first ? 0 : peers), comm->group->process, size * sizeof(*processes));
    memcpy(processes + (first ? size : 0), comm->remote->process, peers * sizeof(*processes));
    group_of_processes((int)(size + peers), processes, &group);
    free(processes);
    *made = comm_make(comm, context, group);
    return 0;
}
