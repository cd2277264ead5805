/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_nodes.c: up a tree in each node through shared memory, then up a tree of one rank of each node, of the root's the
 * root itself. The wire carries one vector of each node.
 *
 * For an operation that does not commute the ranks of each node have to follow one another; trees then keep their order,
 * with the lowest rank at the top of each.
 *
 * Cost: ceil(log2 N) (alpha + n beta + n gamma) between N nodes, and ceil(log2 k) of them within a node of k ranks.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

static int reduce_up(const void *send, void *result, size_t count, struct datatype *type,
                     struct op *op, int root, const struct nodes *nodes, int *rank,
                     struct comm *comm)
{
    int top = 0, within = 0, error;
    struct ranks speakers = nodes_speakers(nodes, root, comm, rank, &top);
    struct scratch node;

    if (!op->commutative) {
        speakers = nodes->leaders;
        top = 0;
    }
    while (nodes->members.rank[within] != rank_at(&speakers, nodes->place))
        within++;
    scratch_take(&node, type, count);
    error = reduce_tree(send, node.at, count, type, op, within, &nodes->members, comm);
    if (!error && speakers.self >= 0)
        error = reduce_tree(node.at, result, count, type, op, top, &speakers, comm);
    scratch_drop(&node);
    /* The result is at the top, which is the root unless the order of ranks forbade it. */
    if (error || rank_at(&speakers, top) == root)
        return error;
    if (comm->rank == rank_at(&speakers, top))
        return coll_send(result, count, type, root, TAG_REDUCE, comm);
    return comm->rank == root
               ? coll_recv(result, count, type, rank_at(&speakers, top), TAG_REDUCE, comm)
               : 0;
}

int reduce_nodes(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                 int root, struct comm *comm)
{
    const struct nodes *nodes = nodes_of(comm);
    bool in_place = send == IN_PLACE, elsewhere = comm->rank != root;
    struct scratch own, result;
    int *rank, error;

    if (!op->commutative && !nodes->ordered)
        return reduce_binomial(send, recv, count, type, op, root, comm);
    rank = memory_get_raw((size_t)nodes->leaders.size * sizeof(*rank));
    scratch_take(&own, type, in_place ? count : 0);
    scratch_take(&result, type, elsewhere ? count : 0);
    if (in_place) {
        datatype_copy(type, own.at, recv, count);
        send = own.at;
    }
    error = reduce_up(send, elsewhere ? result.at : recv, count, type, op, root, nodes, rank, comm);
    scratch_drop(&own);
    scratch_drop(&result);
    free(rank);
    return error;
}
