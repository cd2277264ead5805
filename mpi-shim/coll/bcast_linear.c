/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast_linear.c: the root sends to everyone, all at once: nobody waits for a rank in between, which may not have a
 * core.
 *
 * The receivers copy a long message at the same time, if it may be from one place that all of them map (struct shared).
 *
 * Cost: alpha + (p - 1) n beta at the root; alpha + 2 n beta with that one place.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int bcast_linear(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error = 0, waited;
    struct shared sent;

    if (comm->rank != root)
        return coll_recv(buffer, count, type, root, TAG_BCAST, comm);
    if (count * type->size <= core.eager) {
        for (int i = 0; i < comm->size && !error; i++)
            if (i != root)
                error = coll_send(buffer, count, type, i, TAG_BCAST, comm);
        return error;
    }
    requests = memory_get((size_t)comm->size * sizeof(struct request *));
    sent = shared_begin(buffer, count, type, comm);
    for (int i = 0; i < comm->size && !error; i++)
        if (i != root)
            error = coll_offer_start(sent.buffer, sent.count, sent.type, i, TAG_BCAST, comm,
                                     &requests[started++]);
    waited = coll_waitall(started, requests);
    shared_end(&sent);
    free(requests);
    return error ? error : waited;
}
