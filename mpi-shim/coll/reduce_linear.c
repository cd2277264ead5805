/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_linear.c: everyone sends its operand to the root, which combines them from the highest rank down: any
 * operation's order is kept.
 *
 * Cost: alpha + (p - 1) n (beta + gamma) at the root.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

int reduce_linear(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                  int root, struct comm *comm)
{
    struct scratch own, other;
    int error = 0;

    if (comm->rank != root)
        return coll_send(send, count, type, root, TAG_REDUCE, comm);
    scratch_take(&own, type, send == IN_PLACE ? count : 0);
    /* The first operand is received in place; of two ranks the other one is the root's own. */
    scratch_take(&other, type, comm->size > 2 || root == 1 ? count : 0);
    if (send == IN_PLACE) {
        datatype_copy(type, own.at, recv, count);
        send = own.at;
    }
    for (int rank = comm->size - 1; rank >= 0 && !error; rank--) {
        const void *operand = send;

        if (rank == comm->size - 1) {
            if (rank == root)
                datatype_copy(type, recv, send, count);
            else
                error = coll_recv(recv, count, type, rank, TAG_REDUCE, comm);
            continue;
        }
        if (rank != root) {
            error = coll_recv(other.at, count, type, rank, TAG_REDUCE, comm);
            operand = other.at;
        }
        if (!error)
            error = op_reduce(op, operand, recv, count, type);
    }
    scratch_drop(&own);
    scratch_drop(&other);
    return error;
}
