/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_linear.c: everyone sends its block to everyone else at once; no rank waits for another to pass one on.
 *
 * Cost: alpha + (p - 1) n beta, with p (p - 1) messages in all.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int allgather_linear(void *recv, const int *counts, const int *displacements, size_t count,
                     struct datatype *type, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, started = 0, error = 0, waited;
    struct request **requests = memory_get(2 * (size_t)size * sizeof(struct request *));
    ptrdiff_t own = displacements ? displacements[rank] : (ptrdiff_t)count * rank;

    for (int i = 1; i < size && !error; i++) {
        int from = rank - i < 0 ? rank - i + size : rank - i;
        ptrdiff_t place = displacements ? displacements[from] : (ptrdiff_t)count * from;

        error = coll_recv_start((char *)recv + place * type->extent,
                                counts ? (size_t)counts[from] : count, type, from, TAG_ALLGATHER,
                                comm, &requests[started++]);
    }
    for (int i = 1; i < size && !error; i++) {
        int to = rank + i >= size ? rank + i - size : rank + i;

        error = coll_send_start((char *)recv + own * type->extent,
                                counts ? (size_t)counts[rank] : count, type, to, TAG_ALLGATHER,
                                comm, &requests[started++]);
    }
    waited = coll_waitall(started, requests);
    free(requests);
    return error ? error : waited;
}
