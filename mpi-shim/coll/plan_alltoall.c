/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_alltoall.c: alltoall, alltoallv, alltoallw: pairwise, as alltoall_pairwise.c, but with several partners at a
 * time; for short blocks of one size among many, Bruck: ceil(log2 n) messages instead of n - 1.
 */
#include "mpi-shim/coll/plan_inter.h"

enum {
    AT_A_TIME =
        8,       /* partners: enough that nobody waits for one, few enough that nobody is flooded */
    MANY = 8,    /* processes */
    SHORT = 256, /* bytes of a block */
};

static void pairwise(struct schedule *schedule, const struct blocks *send,
                     const struct blocks *recv, struct comm *comm)
{
    int size = comm->size, rank = comm->rank;
    struct block out = block_of(send, rank), in = block_of(recv, rank);

    schedule_copy(schedule, out.at, out.count, out.type, in.at, in.count, in.type);
    for (int distance = 1; distance < size; distance++) {
        int to = (rank + distance) % size, from = (rank - distance + size) % size;

        schedule_recv_block(schedule, block_of(recv, from), from, comm);
        schedule_send_block(schedule, block_of(send, to), to, comm);
        if (distance % AT_A_TIME == 0)
            schedule_round(schedule);
    }
}

/* In place: what is sent is copied first. */
static void in_place(struct schedule *schedule, const struct blocks *blocks, struct comm *comm)
{
    int size = comm->size, rank = comm->rank;

    for (int i = 0; i < size; i++) {
        struct block block = block_of(blocks, i);
        size_t bytes = block.count * block.type->size;
        char *packed;

        if (i == rank)
            continue;
        packed = schedule_scratch(schedule, bytes, &datatype_bytes);
        schedule_copy(schedule, block.at, block.count, block.type, packed, bytes, &datatype_bytes);
        schedule_send(schedule, packed, bytes, &datatype_bytes, i, comm);
        schedule_recv_block(schedule, block, i, comm);
    }
}

/* Block i is on its way to the one i further: it moves by 2^k in round k where bit k of i is set (Bruck et al. 1997). */
static void bruck(struct schedule *schedule, const struct blocks *send, const struct blocks *recv,
                  struct comm *comm)
{
    int size = comm->size, rank = comm->rank;
    size_t bytes = recv->count * recv->type->size;
    char *blocks = schedule_scratch(schedule, bytes * (size_t)size, &datatype_bytes);
    char *out = schedule_scratch(schedule, bytes * (size_t)size, &datatype_bytes);
    char *in = schedule_scratch(schedule, bytes * (size_t)size, &datatype_bytes);

    for (int i = 0; i < size; i++) {
        struct block block = block_of(send, (rank + i) % size);

        schedule_copy(schedule, block.at, block.count, block.type, blocks + bytes * (size_t)i,
                      bytes, &datatype_bytes);
    }
    for (int distance = 1; distance < size; distance <<= 1) {
        size_t moved = 0;

        for (int i = distance; i < size; i++) {
            if (i & distance)
                schedule_copy(schedule, blocks + bytes * (size_t)i, bytes, &datatype_bytes,
                              out + bytes * moved++, bytes, &datatype_bytes);
        }
        schedule_recv(schedule, in, bytes * moved, &datatype_bytes, (rank - distance + size) % size,
                      comm);
        schedule_send(schedule, out, bytes * moved, &datatype_bytes, (rank + distance) % size,
                      comm);
        schedule_round(schedule);
        moved = 0;
        for (int i = distance; i < size; i++) {
            if (i & distance)
                schedule_copy(schedule, in + bytes * moved++, bytes, &datatype_bytes,
                              blocks + bytes * (size_t)i, bytes, &datatype_bytes);
        }
    }
    for (int i = 0; i < size; i++) {
        struct block block = block_of(recv, (rank - i + size) % size);

        schedule_copy(schedule, blocks + bytes * (size_t)i, bytes, &datatype_bytes, block.at,
                      block.count, block.type);
    }
}

int plan_alltoall(struct schedule *schedule, struct blocks send, struct blocks recv,
                  struct comm *comm)
{
    if (comm->remote)
        return plan_inter_alltoall(schedule, &send, &recv, comm);
    if (send.base == IN_PLACE)
        in_place(schedule, &recv, comm);
    else if (!recv.counts && comm->size >= MANY && recv.count * recv.type->size <= SHORT)
        bruck(schedule, &send, &recv, comm);
    else
        pairwise(schedule, &send, &recv, comm);
    return 0;
}
