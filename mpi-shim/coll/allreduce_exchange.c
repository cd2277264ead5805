/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_exchange.c: everyone sends its operand to everyone and combines all of them, from the highest rank down: any
 * operation's order is kept, and all come to the same bits. For short vectors of few ranks that share cores: no rank's turn has to
 * come between those of two others.
 *
 * Cost: alpha + (p - 1) n (beta + gamma), with p (p - 1) messages in all.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

int allreduce_exchange(const void *send, void *buffer, size_t count, struct datatype *type,
                       struct op *op, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get_raw((size_t)size * sizeof(struct request *));
    const void *own = send == IN_PLACE ? buffer : send;
    struct scratch operands;
    ptrdiff_t each;
    char *sum;

    scratch_take_operands(&operands, type, count, (size_t)size, &each);
    sum = operands.at + each * (size - 1);
    for (int i = 0; i < size && !error; i++)
        if (i != rank)
            error = coll_recv_start(operands.at + each * i, count, type, i, TAG_ALLREDUCE, comm,
                                    &requests[started++]);
    for (int i = 1; i < size && !error; i++)
        error = coll_send(own, count, type, rank + i < size ? rank + i : rank + i - size,
                          TAG_ALLREDUCE, comm);
    if (!error)
        datatype_copy(type, operands.at + each * rank, own, count);
    waited = coll_waitall(started, requests);
    error = error ? error : waited;
    for (int i = size - 2; i >= 0 && !error; i--)
        error = op_reduce(op, operands.at + each * i, sum, count, type);
    if (!error)
        datatype_copy(type, buffer, sum, count);
    scratch_drop(&operands);
    free(requests);
    return error;
}
