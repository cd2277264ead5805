/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_allgather.c: allgather, allgatherv: Bruck for short blocks of one size, else a ring; as allgather_bruck.c and
 * allgather_ring.c.
 */
#include "mpi-shim/coll/plan_inter.h"

enum { SHORT = 32 << 10 }; /* bytes in all */

/* Blocks are collected from our own on, packed, then put into place. */
static void bruck(struct schedule *schedule, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank;
    struct block own = block_of(recv, rank);
    size_t bytes = own.count * own.type->size;
    char *all = schedule_scratch(schedule, bytes * (size_t)size, &datatype_bytes);

    schedule_copy(schedule, own.at, own.count, own.type, all, bytes, &datatype_bytes);
    for (int have = 1; have < size; have *= 2) {
        size_t some = bytes * (size_t)(have < size - have ? have : size - have);

        schedule_recv(schedule, all + bytes * (size_t)have, some, &datatype_bytes,
                      (rank + have) % size, comm);
        schedule_send(schedule, all, some, &datatype_bytes, (rank - have + size) % size, comm);
        schedule_round(schedule);
    }
    for (int i = 1; i < size; i++) {
        struct block block = block_of(recv, (rank + i) % size);

        schedule_copy(schedule, all + bytes * (size_t)i, bytes, &datatype_bytes, block.at,
                      block.count, block.type);
    }
}

static void ring(struct schedule *schedule, const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, have = rank;

    for (int round = 1; round < size; round++) {
        int get = (have - 1 + size) % size;

        schedule_recv_block(schedule, block_of(recv, get), (rank - 1 + size) % size, comm);
        schedule_send_block(schedule, block_of(recv, have), (rank + 1) % size, comm);
        schedule_round(schedule);
        have = get;
    }
}

int plan_allgather(struct schedule *schedule, const void *send, size_t count, struct datatype *type,
                   struct blocks recv, struct comm *comm)
{
    struct block own;

    if (comm->remote)
        return plan_inter_allgather(schedule, send, count, type, recv, comm);
    own = block_of(&recv, comm->rank);
    if (send != IN_PLACE)
        schedule_copy(schedule, send, count, type, own.at, own.count, own.type);
    if (!recv.counts && recv.count * recv.type->size * (size_t)comm->size <= SHORT)
        bruck(schedule, &recv, comm);
    else
        ring(schedule, &recv, comm);
    return 0;
}
