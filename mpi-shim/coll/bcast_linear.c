/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast_linear.c: the root sends to everyone, all at once: nobody waits for a rank in between, which may not have a
 * core.
 *
 * Cost: alpha + (p - 1) n beta at the root; on shared memory the receivers copy at the same time.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int bcast_linear(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    struct request **requests;
    int started = 0, error = 0, waited;

    if (comm->rank != root)
        return coll_recv(buffer, count, type, root, TAG_BCAST, comm);
    if (count * type->size <= core.eager) {
        for (int i = 0; i < comm->size && !error; i++)
            if (i != root)
                error = coll_send(buffer, count, type, i, TAG_BCAST, comm);
        return error;
    }
    requests = memory_get((size_t)comm->size * sizeof(struct request *));
    for (int i = 0; i < comm->size && !error; i++)
        if (i != root)
            error = coll_send_each_start(buffer, count, type, i, TAG_BCAST, comm,
                                         &requests[started++]);
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}
