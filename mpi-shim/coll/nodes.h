/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/nodes.h: which ranks of a communicator share a node, for algorithms of two levels: within a node messages go through shared
 * memory, and only one rank of each node speaks with those of others. Private to coll/.
 */
#ifndef COLL_NODES_H
#define COLL_NODES_H

#include "mpi-shim/core/core.h"

/* Some ranks of a communicator; `self` is this process's place among them, or -1. */
struct ranks {
    const int *rank; /* NULL: all of them */
    int size;
    int self;
};

static inline int rank_at(const struct ranks *among, int place)
{
    return among->rank ? among->rank[place] : place;
}

static inline struct ranks ranks_all(const struct comm *comm)
{
    return (struct ranks){.size = comm->size, .self = comm->rank};
}

/* Of an intra-communicator; kept by it. */
struct nodes {
    struct ranks members; /* those of this process's node, the lowest first */
    struct ranks leaders; /* the lowest of each node, the lowest first */
    int place;            /* of this node's among them */
    bool ordered;         /* each node's ranks follow one another */
};

/* Made at the first call, without any message. */
const struct nodes *nodes_of(struct comm *comm);
/* Who speaks for the nodes when `root` is to speak for its own; `rank` has room for all leaders. *place is the root's. */
struct ranks nodes_speakers(const struct nodes *nodes, int root, const struct comm *comm, int *rank,
                            int *place);

#endif
