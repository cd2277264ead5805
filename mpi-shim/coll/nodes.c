/* SPDX-License-Identifier: BSD-2-Clause */
#include "mpi-shim/coll/nodes.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

static uint32_t node_of(const struct comm *comm, int rank)
{
    return am_node(core.am, comm->process[rank]);
}

struct place {
    uint32_t node;
    int rank;
};

static int by_node(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    if (one->node != other->node)
        return one->node < other->node ? -1 : 1;
    return one->rank - other->rank;
}

static int by_rank(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

const struct nodes *nodes_of(struct comm *comm)
{
    int size = comm->size, members = 0, leaders = 0;
    struct nodes *nodes = comm->nodes;
    struct place *places;
    int *member, *leader;

    if (likely(nodes != NULL))
        return nodes;
    /* One piece of memory, so that whoever frees the communicator needs to know nothing of it. */
    nodes = memory_get(sizeof(*nodes) + 2 * (size_t)size * sizeof(int));
    member = (int *)(nodes + 1);
    leader = member + size;
    places = memory_get((size_t)size * sizeof(*places));
    for (int i = 0; i < size; i++)
        places[i] = (struct place){node_of(comm, i), i};
    qsort(places, (size_t)size, sizeof(*places), by_node);
    nodes->ordered = true;
    for (int i = 0; i < size; i++) {
        if (i == 0 || places[i].node != places[i - 1].node)
            leader[leaders++] = places[i].rank;
        else if (places[i].rank != places[i - 1].rank + 1)
            nodes->ordered = false;
        if (places[i].node == node_of(comm, comm->rank)) {
            if (places[i].rank == comm->rank)
                nodes->members.self = members;
            member[members++] = places[i].rank;
        }
    }
    free(places);
    qsort(leader, (size_t)leaders, sizeof(*leader), by_rank);
    while (leader[nodes->place] != member[0])
        nodes->place++;
    nodes->members.rank = member;
    nodes->members.size = members;
    nodes->leaders = (struct ranks){
        .rank = leader, .size = leaders, .self = nodes->members.self == 0 ? nodes->place : -1};
    comm->nodes = nodes;
    return nodes;
}

struct ranks nodes_speakers(const struct nodes *nodes, int root, const struct comm *comm, int *rank,
                            int *place)
{
    uint32_t node = node_of(comm, root);
    struct ranks speakers = {.rank = rank, .size = nodes->leaders.size, .self = -1};

    for (int i = 0; i < speakers.size; i++) {
        rank[i] = nodes->leaders.rank[i];
        if (node_of(comm, rank[i]) == node) {
            rank[i] = root;
            *place = i;
        }
        if (rank[i] == comm->rank)
            speakers.self = i;
    }
    return speakers;
}
