/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce.c: allreduce. Halving and the ring want operands that may be combined in any order, and no
 * empty part; recursive doubling always fits.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

int coll_allreduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                   struct comm *comm)
{
    enum coll_algorithm algorithm;
    struct ranks all;

    if (unlikely(comm->remote))
        return inter_allreduce(send, recv, count, type, op, comm);
    if (count == 0)
        return 0;
    if (comm->size == 1) {
        if (send != IN_PLACE)
            datatype_copy(type, recv, send, count);
        return 0;
    }
    all = ranks_all(comm);
    algorithm = coll_choose(COLL_ALLREDUCE, comm, count * type->size);
    if (algorithm == ALGORITHM_EXCHANGE)
        return allreduce_exchange(send, recv, count, type, op, comm);
    if (algorithm == ALGORITHM_LINEAR)
        return allreduce_linear(send, recv, count, type, op, comm);
    if (algorithm == ALGORITHM_NODES)
        return allreduce_nodes(send, recv, count, type, op, comm);
    if (algorithm == ALGORITHM_DOUBLING || !op->commutative || count < (size_t)comm->size)
        return allreduce_doubling(send, recv, count, type, op, &all, comm);
    if (send != IN_PLACE)
        datatype_copy(type, recv, send, count);
    if (algorithm == ALGORITHM_HALVING)
        return allreduce_halving(recv, count, type, op, comm);
    return allreduce_ring(recv, count, type, op, comm);
}
