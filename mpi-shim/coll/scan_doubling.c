/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/scan_doubling.c: scan, exscan by recursive doubling: what a process holds is the result over the ranks around it, and
 * separately that over those before it. Operands are combined in the order of ranks.
 */
#include "mpi-shim/coll/coll.h"
#include "mpi-shim/coll/scratch.h"
#include "mpi-shim/coll/tags.h"

/* `before` gets the result over the ranks below this one; rank 0 has none, and leaves it alone. */
static int prefix(const void *send, void *before, size_t count, struct datatype *type,
                  struct op *op, struct comm *comm)
{
    struct scratch held, other;
    char *mine, *received;
    bool any = false;
    int error = 0;

    scratch_take(&held, type, count);
    scratch_take(&other, type, count);
    mine = held.at;
    received = other.at;
    datatype_copy(type, mine, send, count);
    for (int mask = 1; mask < comm->size && !error; mask <<= 1) {
        int peer = comm->rank ^ mask;

        if (peer >= comm->size)
            continue;
        error = coll_sendrecv(mine, count, type, peer, received, count, type, peer, TAG_SCAN, comm);
        if (error)
            break;
        if (peer < comm->rank) {
            /* Lower than all that we had: before = received op before. */
            if (any)
                error = op_reduce(op, received, before, count, type);
            else
                datatype_copy(type, before, received, count);
            any = true;
            if (!error)
                error = op_reduce(op, received, mine, count, type);
        } else {
            char *combined = received;

            error = op_reduce(op, mine, received, count, type);
            received = mine;
            mine = combined;
        }
    }
    scratch_drop(&held);
    scratch_drop(&other);
    return error;
}

int coll_exscan(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                struct comm *comm)
{
    struct scratch own;
    int error;

    if (count == 0)
        return 0;
    /* The receive buffer of rank 0 is not touched, and that of the others only at the end. */
    scratch_take(&own, type, count);
    error = prefix(send == IN_PLACE ? recv : send, own.at, count, type, op, comm);
    if (!error && comm->rank > 0)
        datatype_copy(type, recv, own.at, count);
    scratch_drop(&own);
    return error;
}

int coll_scan(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
              struct comm *comm)
{
    struct scratch before;
    int error;

    if (count == 0)
        return 0;
    if (send != IN_PLACE)
        datatype_copy(type, recv, send, count);
    scratch_take(&before, type, count);
    error = prefix(recv, before.at, count, type, op, comm);
    if (!error && comm->rank > 0)
        error = op_reduce(op, before.at, recv, count, type);
    scratch_drop(&before);
    return error;
}
