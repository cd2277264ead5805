/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_linear.c: everyone sends its operand to rank 0, which combines them and sends everyone the result. For short
 * vectors where ranks share cores: no chain is longer than two messages. Any operation's order is kept.
 *
 * Cost: 2 alpha + (p - 1) n (2 beta + gamma) at rank 0.
 */
#include "mpi-shim/coll/algorithms.h"

int allreduce_linear(const void *send, void *buffer, size_t count, struct datatype *type,
                     struct op *op, struct comm *comm)
{
    int error;

    if (send == IN_PLACE && comm->rank != 0)
        send = buffer;
    error = count * type->size > core.eager
                ? reduce_pipelined(send, buffer, count, type, op, 0, comm)
                : reduce_linear(send, buffer, count, type, op, 0, comm);

    return error ? error : bcast_linear(buffer, count, type, 0, comm);
}
