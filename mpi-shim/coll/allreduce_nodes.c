/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_nodes.c: up a tree in each node through shared memory, recursive doubling between the nodes' leaders, and down
 * again. The wire carries one vector of each node in each round.
 *
 * For an operation that does not commute the ranks of each node have to follow one another.
 *
 * Cost: ceil(log2 N) (alpha + n beta + n gamma) between N nodes, and 2 ceil(log2 k) of them within a node of k ranks.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

int allreduce_nodes(const void *send, void *buffer, size_t count, struct datatype *type,
                    struct op *op, struct comm *comm)
{
    const struct nodes *nodes = nodes_of(comm);
    struct ranks all = ranks_all(comm);
    struct scratch own;
    int error;

    if (!op->commutative && !nodes->ordered)
        return allreduce_doubling(send, buffer, count, type, op, &all, comm);
    scratch_take(&own, type, send == IN_PLACE ? count : 0);
    if (send == IN_PLACE) {
        datatype_copy(type, own.at, buffer, count);
        send = own.at;
    }
    error = reduce_tree(send, buffer, count, type, op, 0, &nodes->members, comm);
    if (!error && nodes->leaders.self >= 0)
        error = allreduce_doubling(IN_PLACE, buffer, count, type, op, &nodes->leaders, comm);
    if (!error)
        error = bcast_tree(buffer, count, type, 0, &nodes->members, comm);
    scratch_drop(&own);
    return error;
}
