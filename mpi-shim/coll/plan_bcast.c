/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/plan_bcast.c: bcast: a binomial tree; for what is long, the root deals out a piece to each process, and the pieces go
 * round a ring (van de Geijn), so that the root sends the data once and not log2 n times.
 */
#include "mpi-shim/coll/plan_inter.h"

enum { LONG = 256 << 10 }; /* bytes */

static void tree(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                 int root, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, mask = 1;
    int relative = (rank - root + size) % size;

    while (mask < size && !(relative & mask))
        mask <<= 1;
    if (mask < size) {
        schedule_recv(schedule, buffer, count, type, (rank - mask + size) % size, comm);
        schedule_round(schedule);
    }
    /* The largest subtree first. */
    for (mask >>= 1; mask > 0; mask >>= 1) {
        if (relative + mask < size)
            schedule_send(schedule, buffer, count, type, (rank + mask) % size, comm);
    }
}

/* Types may differ where they stand for the same data, so pieces are cut in packed bytes. */
static void deal(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
                 int root, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, have = rank;
    size_t bytes = count * type->size, piece = (bytes + (size_t)size - 1) / (size_t)size;
    char *data = type->dense ? (char *)buffer + type->true_lb
                             : schedule_scratch(schedule, bytes, &datatype_bytes);

    if (rank == root && !type->dense)
        schedule_copy(schedule, buffer, count, type, data, bytes, &datatype_bytes);
    for (int i = 0; i < size; i++) {
        size_t first = piece * (size_t)i < bytes ? piece * (size_t)i : bytes;
        size_t length = bytes - first < piece ? bytes - first : piece;

        if (rank == root && i != root)
            schedule_send(schedule, data + first, length, &datatype_bytes, i, comm);
        else if (rank != root && i == rank)
            schedule_recv(schedule, data + first, length, &datatype_bytes, root, comm);
    }
    schedule_round(schedule);
    for (int round = 1; round < size; round++) {
        int get = (have - 1 + size) % size, next = (rank + 1) % size;
        size_t out = piece * (size_t)have < bytes ? piece * (size_t)have : bytes;
        size_t in = piece * (size_t)get < bytes ? piece * (size_t)get : bytes;

        /* The root has it all, and nobody sends it anything. */
        if (rank != root)
            schedule_recv(schedule, data + in, bytes - in < piece ? bytes - in : piece,
                          &datatype_bytes, (rank - 1 + size) % size, comm);
        if (next != root)
            schedule_send(schedule, data + out, bytes - out < piece ? bytes - out : piece,
                          &datatype_bytes, next, comm);
        schedule_round(schedule);
        have = get;
    }
    if (rank != root && !type->dense)
        schedule_copy(schedule, data, bytes, &datatype_bytes, buffer, count, type);
}

int plan_bcast(struct schedule *schedule, void *buffer, size_t count, struct datatype *type,
               int root, struct comm *comm)
{
    if (comm->remote)
        return plan_inter_bcast(schedule, buffer, count, type, root, comm);
    if (count * type->size == 0)
        return 0;
    if (comm->size > 2 && count * type->size >= LONG)
        deal(schedule, buffer, count, type, root, comm);
    else
        tree(schedule, buffer, count, type, root, comm);
    return 0;
}
