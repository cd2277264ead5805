/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_linear.c: everyone sends its block to everyone else at once; no rank waits for another to pass one on. It is
 * sent from where the program has it, not from its place in the result: that was just written, and whoever reads it there takes every
 * line from this processor's cache; and it gets there while the others receive.
 *
 * Cost: alpha + (p - 1) n beta, with p (p - 1) messages in all.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int allgather_linear(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                     const int *counts, const int *displacements, size_t count,
                     struct datatype *type, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get(2 * (size_t)size * sizeof(struct request *));
    size_t own_count = counts ? (size_t)counts[rank] : count;
    ptrdiff_t place = displacements ? displacements[rank] : (ptrdiff_t)count * rank;
    char *own = (char *)recv + place * type->extent;
    bool in_place = send == IN_PLACE;
    struct shared sent;

    if (in_place) {
        send = own;
        send_count = own_count;
        send_type = type;
    }
    for (int i = 1; i < size && !error; i++) {
        int from = rank - i < 0 ? rank - i + size : rank - i;

        place = displacements ? displacements[from] : (ptrdiff_t)count * from;
        error = coll_recv_start((char *)recv + place * type->extent,
                                counts ? (size_t)counts[from] : count, type, from, TAG_ALLGATHER,
                                comm, &requests[started++]);
    }
    sent = shared_begin(send, send_count, send_type, comm);
    for (int i = 1; i < size && !error; i++) {
        int to = rank + i >= size ? rank + i - size : rank + i;

        error = (sent.copied ? coll_send_each_start : coll_send_start)(
            sent.buffer, sent.count, sent.type, to, TAG_ALLGATHER, comm, &requests[started++]);
    }
    if (!error && !in_place)
        error = own_block(send, send_count, send_type, own, own_count, type, TAG_ALLGATHER, comm);
    waited = coll_waitall(started, requests);
    shared_end(&sent);
    free(requests);
    return error ? error : waited;
}
