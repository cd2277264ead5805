/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce.c: recursive doubling for what fits a message, halving and doubling for long vectors.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"

enum { LONG = 16 << 10 }; /* bytes */

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
    if (op->commutative && count * type->size > LONG && comm->size > 2 &&
        count >= (size_t)comm->size)
        return allreduce_halving(recv, count, type, op, comm);
    return allreduce_doubling(recv, count, type, op, comm);
}
