/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/comm.c: communicators: made, compared, freed (MPI 3.1 section 6.4).
 */
#include <stdlib.h>

#include "mpi-shim/coll/coll.h"
#include "mpi-shim/core/p2p.h"
#include "mpi-shim/topo/topo.h"

enum { TAG_CREATE_GROUP = 1 << 30 };

/* Fill in a communicator of `group`, whose reference it takes over. The context is taken. */
void comm_setup(struct comm *comm, uint32_t context, struct group *group)
{
    comm->context = context;
    comm->rank = group->rank;
    comm->size = group->size;
    comm->peers = group->size;
    comm->references = 1;
    comm->process = group->process;
    comm->match = context_match(context);
    comm->coll_match = context_match(context + 1);
    match_set_owner(comm->coll_match, comm);
    comm->group = group;
    comm->one_node = true;
    for (int i = 1; i < group->size && comm->one_node; i++)
        comm->one_node = am_node(core.am, group->process[i]) == am_node(core.am, group->process[0]);
    comm->magic = COMM_MAGIC;
}

struct comm *comm_make(struct comm *parent, uint32_t context, struct group *group)
{
    struct comm *comm = memory_get(sizeof(*comm));

    comm->errhandler = parent->errhandler;
    errhandler_retain(comm->errhandler);
    core_lock();
    comm_setup(comm, context, group);
    core_unlock();
    return comm;
}

void group_drop(struct group *group)
{
    if (!group->predefined && --group->references == 0) {
        free(group->process);
        group->magic = FREED_MAGIC;
        free(group);
    }
}

void comm_predefined_end(struct comm *comm)
{
    questions_drop(&comm->calls);
    group_drop(comm->group);
    free(comm->nodes);
    memset(comm, 0, sizeof(*comm));
}

/* The last pending operation has ended. The caller holds core_lock; attributes are gone already. */
void comm_destroy(struct comm *comm)
{
    comm->magic = FREED_MAGIC;
    free(comm->nodes);
    context_release(comm->context);
    questions_drop(&comm->calls);
    errhandler_release(comm->errhandler);
    topology_release(comm->topology);
    group_drop(comm->group);
    if (comm->remote) {
        group_drop(comm->remote);
        comm_release(comm->local);
    }
    free(comm);
}

int comm_free(struct comm *comm)
{
    int error = attributes_delete(OBJECT_COMM, comm, &comm->attributes);

    if (error)
        return error;
    core_lock();
    comm->freed = true;
    comm_release(comm);
    core_unlock();
    return 0;
}

struct pending {
    const struct comm *comm;
    bool any;
};

static void find_pending(struct request *request, void *context)
{
    struct pending *pending = context;

    pending->any |= request->comm == pending->comm && !request->complete;
}

int comm_disconnect(struct comm *comm)
{
    struct pending pending = {.comm = comm};

    core_lock();
    /* Each pending request has a reference, but so has one that is complete and not waited for. */
    while (comm->references > 1) {
        pending.any = false;
        request_each(find_pending, &pending);
        if (!pending.any)
            break;
        core_wait(&(struct waiting){.call = "MPI_Comm_disconnect"});
    }
    core_unlock();
    return comm_free(comm);
}

int comm_dup(struct comm *comm, struct comm **made)
{
    struct team team = {
        .comm = comm, .size = comm->size, .self = comm->rank, .order = comm->context};
    struct comm *copy = NULL;
    uint32_t context = 0;
    int error;

    if (comm->remote) {
        error = intercomm_dup(comm, &copy);
    } else {
        error = context_agree(&team, &context);
        if (!error)
            copy = comm_make(comm, context, group_retain(comm->group));
    }
    if (error)
        return error;
    if (comm->topology)
        copy->topology = topology_retain(comm->topology);
    error = attributes_copy(OBJECT_COMM, comm, comm->attributes, copy, &copy->attributes);
    if (error) {
        comm_free(copy);
        return error;
    }
    *made = copy;
    return 0;
}

/* Make one among the processes of `group`, a subgroup of comm's; collective among them alone. */
static int create_among(struct comm *comm, struct group *group, int tag, struct comm **made)
{
    int *ranks = memory_get((size_t)group->size * sizeof(*ranks));
    int *own = memory_get((size_t)group->size * sizeof(*own));
    uint32_t context = 0;
    int error;

    for (int i = 0; i < group->size; i++)
        own[i] = i;
    error = group_translate(group, group->size, own, comm->group, ranks);
    for (int i = 0; i < group->size && !error; i++) {
        if (ranks[i] == UNDEFINED)
            error = error_note(ERR_GROUP, "process %d of the group is not in the communicator", i);
    }
    if (!error) {
        struct team team = {.comm = comm,
                            .ranks = ranks,
                            .size = group->size,
                            .self = group->rank,
                            .tag = tag,
                            .order = comm->context};

        error = context_agree(&team, &context);
    }
    if (!error)
        *made = comm_make(comm, context, group_retain(group));
    free(ranks);
    free(own);
    return error;
}

int comm_create_group(struct comm *comm, struct group *group, int tag, struct comm **made)
{
    *made = NULL;
    if (group->rank == UNDEFINED)
        return 0;
    return create_among(comm, group, tag | TAG_CREATE_GROUP, made);
}

/* Groups of one MPI_Comm_create do not overlap (MPI 3.1 section 6.4.2), so each agrees by itself. */
int comm_create(struct comm *comm, struct group *group, struct comm **made)
{
    *made = NULL;
    if (comm->remote)
        return intercomm_create_among(comm, group, made);
    if (group->rank == UNDEFINED)
        return 0;
    return create_among(comm, group, 0, made);
}

static int place_compare(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->rank < right->rank ? -1 : left->rank > right->rank;
}

int places_choose(struct place *places, int count, int color)
{
    int chosen = 0;

    for (int i = 0; i < count; i++) {
        if (places[i].color == color)
            places[chosen++] = places[i];
    }
    qsort(places, (size_t)chosen, sizeof(*places), place_compare);
    return chosen;
}

int comm_split(struct comm *comm, int color, int key, struct comm **made)
{
    struct place mine = {color, key, comm->rank};
    struct place *all;
    uint32_t *processes;
    struct group *group;
    int error, size;

    *made = NULL;
    if (comm->remote)
        return intercomm_split(comm, color, key, made);
    all = memory_get((size_t)comm->size * sizeof(*all));
    error = coll_allgather(&mine, sizeof(mine), &datatype_bytes, all, sizeof(mine), &datatype_bytes,
                           comm);
    if (error || color == UNDEFINED) {
        free(all);
        return error;
    }
    size = places_choose(all, comm->size, color);
    processes = memory_get((size_t)size * sizeof(*processes));
    for (int i = 0; i < size; i++)
        processes[i] = comm->process[all[i].rank];
    group_of_processes(size, processes, &group);
    free(processes);
    free(all);
    error = create_among(comm, group, 0, made);
    group_release(group);
    return error;
}

int comm_split_node(struct comm *comm, int key, struct comm **made)
{
    return comm_split(comm, (int)am_node(core.am, core.self), key, made);
}

int comm_compare(const struct comm *a, const struct comm *b, int *result)
{
    int remote = COMPARE_IDENT;

    if (a == b) {
        *result = COMPARE_IDENT;
        return 0;
    }
    *result = COMPARE_UNEQUAL;
    if (!a->remote != !b->remote)
        return 0;
    group_compare(a->group, b->group, result);
    if (a->remote)
        group_compare(a->remote, b->remote, &remote);
    if (remote > *result)
        *result = remote;
    if (*result == COMPARE_IDENT)
        *result = COMPARE_CONGRUENT;
    return 0;
}
