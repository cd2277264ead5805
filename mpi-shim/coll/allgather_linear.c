/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_linear.c: everyone sends its block to everyone else at once; no rank waits for another to pass one on. It is
 * sent from where the program has it, not from its place in the result: that was just written, and whoever reads it there takes every
 * line from this processor's cache.
 *
 * Cost: alpha + (p - 1) n beta, with p (p - 1) messages in all.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

static int exchange_with_all(const struct block *send, const struct blocks *result,
                             struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, waited;
    struct request **requests = memory_get_raw(2 * (size_t)size * sizeof(struct request *));
    struct shared sent = shared_begin(send->at, send->count, send->type, comm);

    for (int i = 1; i < size; i++) {
        int from = rank - i < 0 ? rank - i + size : rank - i;
        struct block block = block_of(result, from);

        coll_recv_start(block.at, block.count, block.type, from, TAG_ALLGATHER, comm,
                        &requests[started++]);
    }
    for (int i = 1; i < size; i++) {
        int to = rank + i >= size ? rank + i - size : rank + i;

        (sent.copied ? coll_offer_start : coll_send_start)(
            sent.buffer, sent.count, sent.type, to, TAG_ALLGATHER, comm, &requests[started++]);
    }
    waited = coll_waitall(started, requests);
    shared_end(&sent);
    free(requests);
    return waited;
}

int allgather_linear(const struct block *send, const struct blocks *result, struct comm *comm)
{
    struct block own = block_of(result, comm->rank);
    int error, misfit;

    if (send->at == IN_PLACE)
        send = &own;
    if (comm->size == 2) {
        struct block in = block_of(result, !comm->rank);

        return exchange_with_other(send, &in, send, &own, TAG_ALLGATHER, comm);
    }
    error = exchange_with_all(send, result, comm);
    misfit = own_block(send, &own, TAG_ALLGATHER, comm);
    return error ? error : misfit;
}
