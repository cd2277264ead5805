/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_binomial.c: up a binomial tree in which every subtree is a range of ranks, so that operands are combined
 * in the order of ranks. An operation that does not commute has rank 0 as the tree's root, which then passes the
 * result on; another one has the operation's root.
 *
 * Cost: ceil(log2 p) (alpha + n beta + n gamma).
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

int reduce_tree(const void *send, void *result, size_t count, struct datatype *type, struct op *op,
                int top, const struct ranks *among, struct comm *comm)
{
    int size = among->size, error = 0;
    int relative = among->self - top + (among->self < top ? size : 0);
    struct scratch other;
    char *mine = result, *received;

    scratch_take(&other, type, count);
    received = other.at;
    datatype_copy(type, mine, send, count);
    for (int mask = 1; mask < size && !error; mask <<= 1) {
        int partner = relative & mask ? relative - mask : relative + mask;
        int rank = rank_at(among, (partner + top) % size);

        if (relative & mask) {
            error = coll_send(mine, count, type, rank, TAG_REDUCE, comm);
            break;
        }
        if (partner >= size)
            continue;
        error = coll_recv(received, count, type, rank, TAG_REDUCE, comm);
        if (!error) {
            /* The partner's ranks are higher: inout is theirs, and becomes ours. */
            char *combined = received;

            error = op_reduce(op, mine, received, count, type);
            received = mine;
            mine = combined;
        }
    }
    if (mine != result && relative == 0 && !error)
        datatype_copy(type, result, mine, count);
    scratch_drop(&other);
    return error;
}

int reduce_binomial(const void *send, void *recv, size_t count, struct datatype *type,
                    struct op *op, int root, struct comm *comm)
{
    int top = op->commutative ? root : 0, error;
    struct ranks all = ranks_all(comm);
    bool in_place = send == IN_PLACE;
    struct scratch own, result;
    void *target = recv;

    if (in_place) {
        scratch_take(&own, type, count);
        datatype_copy(type, own.at, recv, count);
        send = own.at;
    }
    if (comm->rank != root) {
        scratch_take(&result, type, count);
        target = result.at;
    }
    error = reduce_tree(send, target, count, type, op, top, &all, comm);
    if (!error && top != root) {
        if (comm->rank == top)
            error = coll_send(target, count, type, root, TAG_REDUCE, comm);
        else if (comm->rank == root)
            error = coll_recv(recv, count, type, top, TAG_REDUCE, comm);
    }
    if (comm->rank != root)
        scratch_drop(&result);
    if (in_place)
        scratch_drop(&own);
    return error;
}
