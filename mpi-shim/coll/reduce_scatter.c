/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_scatter.c: reduce_scatter, reduce_scatter_block: every part straight to its place, or (the cost of
 * both together) a reduction to rank 0 and a scatter of the result.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"
#include "mpi-shim/coll/scratch.h"

static int reduce_then_scatter(const void *send, void *recv, const int *counts, size_t each,
                               size_t total, struct datatype *type, struct op *op,
                               struct comm *comm)
{
    struct scratch result;
    int error;

    scratch_take(&result, type, comm->rank == 0 ? total : 0);
    error = coll_reduce(send == IN_PLACE ? recv : send, result.at, total, type, op, 0, comm);
    if (!error)
        error = scatter_parts(result.at, counts, each, type, recv, comm);
    scratch_drop(&result);
    return error;
}

static int reduce_scatter(const void *send, void *recv, const int *counts, size_t each,
                          struct datatype *type, struct op *op, struct comm *comm)
{
    size_t total = 0;

    for (int i = 0; i < comm->size; i++)
        total += counts ? (size_t)counts[i] : each;
    if (coll_choose(COLL_REDUCE_SCATTER, comm, total * type->size) == ALGORITHM_LINEAR)
        return reduce_scatter_linear(send, recv, counts, each, type, op, comm);
    return reduce_then_scatter(send, recv, counts, each, total, type, op, comm);
}

int coll_reduce_scatter(const void *send, void *recv, const int *counts, struct datatype *type,
                        struct op *op, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_reduce_scatter(send, recv, counts, type, op, comm);
    return reduce_scatter(send, recv, counts, 0, type, op, comm);
}

int coll_reduce_scatter_block(const void *send, void *recv, size_t count, struct datatype *type,
                              struct op *op, struct comm *comm)
{
    if (unlikely(comm->remote))
        return inter_reduce_scatter_block(send, recv, count, type, op, comm);
    return reduce_scatter(send, recv, NULL, count, type, op, comm);
}
