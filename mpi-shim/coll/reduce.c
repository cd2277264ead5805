/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce.c: reduce. All algorithms combine in the order of ranks where the operation asks for it.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

int coll_reduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                int root, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_reduce(send, recv, count, type, op, root, comm);
    if (count == 0)
        return 0;
    switch (coll_choose(COLL_REDUCE, comm, count * type->size)) {
    case ALGORITHM_LINEAR:
        return reduce_linear(send, recv, count, type, op, root, comm);
    case ALGORITHM_NODES:
        return reduce_nodes(send, recv, count, type, op, root, comm);
    case ALGORITHM_PIPELINED:
        return reduce_pipelined(send, recv, count, type, op, root, comm);
    default:
        return reduce_binomial(send, recv, count, type, op, root, comm);
    }
}
