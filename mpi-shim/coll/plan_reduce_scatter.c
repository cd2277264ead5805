/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_reduce_scatter.c: reduce_scatter, reduce_scatter_block: short, or for an operation that does not commute, a
 * reduction to rank 0 and a scatter of the result; else everyone sends each other one its block, pair by pair.
 */
#include "mpi-shim/coll/plan_inter.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

enum { LONG = 8 << 10 }; /* bytes in all */

static void pairwise(struct schedule *schedule, const struct blocks *blocks, char *recv,
                     struct op *op, struct comm *comm)
{
    int size = comm->size, rank = comm->rank;
    struct block own = block_of(blocks, rank);
    char *mine = schedule_scratch(schedule, own.count, own.type);
    char *other = schedule_scratch(schedule, own.count, own.type);

    /* In place, `recv` holds what is yet to be sent. */
    schedule_copy(schedule, own.at, own.count, own.type, mine, own.count, own.type);
    for (int distance = 1; distance < size; distance++) {
        int to = (rank + distance) % size;

        schedule_recv(schedule, other, own.count, own.type, (rank - distance + size) % size, comm);
        schedule_send_block(schedule, block_of(blocks, to), to, comm);
        schedule_round(schedule);
        schedule_reduce(schedule, op, other, mine, own.count, own.type);
    }
    schedule_copy(schedule, mine, own.count, own.type, recv, own.count, own.type);
}

int plan_reduce_scatter(struct schedule *schedule, const void *send, void *recv, const int *counts,
                        size_t each, struct datatype *type, struct op *op, struct comm *comm)
{
    int *displacements = memory_get((size_t)comm->size * sizeof(*displacements));
    struct blocks blocks = {.count = each, .type = type, .counts = counts};
    struct block own;
    size_t total = 0;

    for (int i = 0; i < comm->size; i++) {
        displacements[i] = (int)total;
        total += counts ? (size_t)counts[i] : each;
    }
    if (counts)
        blocks.displacements = displacements;
    if (comm->remote) {
        plan_inter_reduce_scatter(schedule, send, recv, &blocks, total, op, comm);
    } else if (op->commutative && total * type->size >= LONG) {
        blocks.base = send == IN_PLACE ? recv : (char *)(uintptr_t)send;
        pairwise(schedule, &blocks, recv, op, comm);
    } else if (total > 0) {
        blocks.base = schedule_scratch(schedule, comm->rank == 0 ? total : 0, type);
        own = block_of(&blocks, comm->rank);
        plan_reduce(schedule, send == IN_PLACE ? recv : send, blocks.base, total, type, op, 0,
                    comm);
        schedule_round(schedule);
        plan_scatter(schedule, blocks, recv, own.count, type, 0, comm);
    }
    free(displacements);
    return 0;
}
