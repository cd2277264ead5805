/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_ring.c: blocks go round a ring, each process passing on what it got last; for blocks that are long
 * or of different sizes.
 *
 * Cost: (p - 1) (alpha + n beta), only between neighbours.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/tags.h"

int allgather_ring(const struct blocks *result, struct comm *comm)
{
    int size = comm->size;
    int next = comm->rank + 1 == size ? 0 : comm->rank + 1;
    int previous = comm->rank == 0 ? size - 1 : comm->rank - 1;
    int have = comm->rank, error = 0;

    for (int round = 1; round < size && !error; round++) {
        int get = have == 0 ? size - 1 : have - 1;
        struct block out = block_of(result, have), in = block_of(result, get);

        error = coll_sendrecv(out.at, out.count, out.type, next, in.at, in.count, in.type, previous,
                              TAG_ALLGATHER, comm);
        have = get;
    }
    return error;
}
