/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_scatter_linear.c: everyone sends each process its part of the vector at once, and combines what it gets from the
 * highest rank down: any operation's order is kept, and the work is shared.
 *
 * Cost: alpha + n (beta + gamma) (p - 1) / p.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

#include <stdlib.h>

int reduce_scatter_linear(const void *send, void *recv, const int *counts, size_t each,
                          struct datatype *type, struct op *op, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get(2 * (size_t)size * sizeof(struct request *));
    size_t own = counts ? (size_t)counts[rank] : each;
    const char *data = send == IN_PLACE ? recv : send, *mine = data;
    struct scratch parts;
    ptrdiff_t apart;
    char *sum;

    scratch_take_operands(&parts, type, own, (size_t)size, &apart);
    for (int i = 0; i < size && !error; i++)
        if (i != rank && own)
            error = coll_recv_start(parts.at + apart * i, own, type, i, TAG_REDUCE_SCATTER, comm,
                                    &requests[started++]);
    for (int i = 0; i < size && !error; i++) {
        size_t count = counts ? (size_t)counts[i] : each;

        if (i == rank)
            mine = data;
        else if (count)
            error = coll_send_start(data, count, type, i, TAG_REDUCE_SCATTER, comm,
                                    &requests[started++]);
        data += (ptrdiff_t)count * type->extent;
    }
    waited = coll_waitall(started, requests);
    error = error ? error : waited;
    if (!error && own) {
        datatype_copy(type, parts.at + apart * rank, mine, own);
        sum = parts.at + apart * (size - 1);
        for (int i = size - 2; i >= 0 && !error; i--)
            error = op_reduce(op, parts.at + apart * i, sum, own, type);
        if (!error)
            datatype_copy(type, recv, sum, own);
    }
    scratch_drop(&parts);
    free(requests);
    return error;
}
