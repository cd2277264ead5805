/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_reduce.c: reduce: the binomial tree of reduce_binomial.c: every subtree is a range of ranks, so that operands are
 * combined in the order of ranks. An operation that does not commute has rank 0 as the tree's root.
 */
#include "mpi-shim/coll/plan_inter.h"

int plan_reduce(struct schedule *schedule, const void *send, void *recv, size_t count,
                struct datatype *type, struct op *op, int root, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, top = op->commutative ? root : 0, received = 0;
    int relative = (rank - top + size) % size;
    const char *mine = send == IN_PLACE ? recv : send;
    char *room[2] = {NULL, NULL}; /* received into by turns */

    if (comm->remote)
        return plan_inter_reduce(schedule, send, recv, count, type, op, root, comm);
    if (count == 0)
        return 0;
    if (rank == root && rank == top)
        room[1] = recv; /* in place, it is free once the first operand was combined with it */
    for (int mask = 1; mask < size; mask <<= 1) {
        int partner = relative ^ mask, peer = (partner + top) % size;

        if (relative & mask) {
            schedule_send(schedule, mine, count, type, peer, comm);
            break;
        }
        if (partner < size) {
            char **other = &room[received++ & 1];

            if (!*other)
                *other = schedule_scratch(schedule, count, type);
            schedule_recv(schedule, *other, count, type, peer, comm);
            schedule_round(schedule);
            schedule_reduce(schedule, op, mine, *other, count, type);
            mine = *other;
        }
    }
    if (rank == top && top != root)
        schedule_send(schedule, mine, count, type, root, comm);
    else if (rank == top && mine != recv)
        schedule_copy(schedule, mine, count, type, recv, count, type);
    else if (rank == root && top != root) {
        /* What this process has yet to send may lie there. */
        schedule_round(schedule);
        schedule_recv(schedule, recv, count, type, top, comm);
    }
    return 0;
}
