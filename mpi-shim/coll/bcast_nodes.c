/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast_nodes.c: down a binomial tree of one rank of each node, of the root's the root itself, then down a tree in each node
 * through shared memory. Each node gets the bytes over the wire once.
 *
 * Cost: ceil(log2 N) (alpha + n beta) between N nodes, and ceil(log2 k) within a node of k ranks.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

/* This process's node, with its speaker first. */
static int bcast_within(void *buffer, size_t count, struct datatype *type, int speaker,
                        const struct nodes *nodes, struct comm *comm)
{
    int top = 0;

    while (nodes->members.rank[top] != speaker)
        top++;
    return bcast_tree(buffer, count, type, top, &nodes->members, comm);
}

int bcast_nodes(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    const struct nodes *nodes = nodes_of(comm);
    int *rank = memory_get_raw((size_t)nodes->leaders.size * sizeof(*rank)), top = 0, error = 0;
    struct ranks speakers = nodes_speakers(nodes, root, comm, rank, &top);

    if (speakers.self >= 0)
        error = bcast_tree(buffer, count, type, top, &speakers, comm);
    if (!error)
        error = bcast_within(buffer, count, type, rank[nodes->place], nodes, comm);
    free(rank);
    return error;
}
