/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_scan.c: scan, exscan by recursive doubling, as scan_doubling.c.
 */
#include "mpi-shim/coll/plan.h"

/* `before` gets the result over the ranks below this one; rank 0 has none, and leaves it alone. */
static void prefix(struct schedule *schedule, const void *send, char *before, size_t count,
                   struct datatype *type, struct op *op, struct comm *comm)
{
    char *mine = schedule_scratch(schedule, count, type);
    char *received = schedule_scratch(schedule, count, type);
    int rank = comm->rank;
    bool any = false;

    schedule_copy(schedule, send, count, type, mine, count, type);
    for (int mask = 1; mask < comm->size; mask <<= 1) {
        int peer = rank ^ mask;

        if (peer >= comm->size)
            continue;
        schedule_recv(schedule, received, count, type, peer, comm);
        schedule_send(schedule, mine, count, type, peer, comm);
        schedule_round(schedule);
        if (peer < rank) {
            /* Lower than all that we had: before = received op before. */
            if (any)
                schedule_reduce(schedule, op, received, before, count, type);
            else
                schedule_copy(schedule, received, count, type, before, count, type);
            any = true;
            schedule_reduce(schedule, op, received, mine, count, type);
        } else {
            char *combined = received;

            schedule_reduce(schedule, op, mine, received, count, type);
            received = mine;
            mine = combined;
        }
    }
}

int plan_exscan(struct schedule *schedule, const void *send, void *recv, size_t count,
                struct datatype *type, struct op *op, struct comm *comm)
{
    char *before;

    if (count == 0)
        return 0;
    /* The receive buffer of rank 0 is not touched. */
    before = schedule_scratch(schedule, count, type);
    prefix(schedule, send == IN_PLACE ? recv : send, before, count, type, op, comm);
    if (comm->rank > 0)
        schedule_copy(schedule, before, count, type, recv, count, type);
    return 0;
}

int plan_scan(struct schedule *schedule, const void *send, void *recv, size_t count,
              struct datatype *type, struct op *op, struct comm *comm)
{
    char *before;

    if (count == 0)
        return 0;
    if (send != IN_PLACE)
        schedule_copy(schedule, send, count, type, recv, count, type);
    before = schedule_scratch(schedule, count, type);
    prefix(schedule, recv, before, count, type, op, comm);
    if (comm->rank > 0)
        schedule_reduce(schedule, op, before, recv, count, type);
    return 0;
}
