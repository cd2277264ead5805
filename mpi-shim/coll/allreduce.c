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
    if (unlikely(comm->remote))
        return inter_allreduce(send, recv, count, type, op, comm);
    if (count == 0)
        return 0;
    if (send != IN_PLACE)
        datatype_copy(type, recv, send, count);
    if (comm->size == 1)
        return 0;
    switch (coll_choose(COLL_ALLREDUCE, comm, count * type->size)) {
    case ALGORITHM_LINEAR:
        return allreduce_linear(recv, count, type, op, comm);
    case ALGORITHM_HALVING:
        if (op->commutative && count >= (size_t)comm->size)
            return allreduce_halving(recv, count, type, op, comm);
        break;
    case ALGORITHM_RING:
        if (op->commutative && count >= (size_t)comm->size)
            return allreduce_ring(recv, count, type, op, comm);
        break;
    default:
        break;
    }
    return allreduce_doubling(recv, count, type, op, comm);
}
