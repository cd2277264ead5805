/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_ring.c: parts of the vector go round a ring and are combined on the way, then the finished parts go round
 * once more; for very long vectors. The operation has to commute, and there have to be as many elements as processes.
 *
 * Cost: 2 (p - 1) alpha + 2 n beta + n gamma, only between neighbours.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

#include <stdlib.h>

int allreduce_ring(void *buffer, size_t count, struct datatype *type, struct op *op,
                   struct comm *comm)
{
    int size = comm->size, rank = comm->rank, error = 0;
    int next = rank + 1 == size ? 0 : rank + 1, previous = rank == 0 ? size - 1 : rank - 1;
    size_t each = count / (size_t)size, rest = count % (size_t)size;
    struct scratch other;

    scratch_take(&other, type, each + 1);
    /* In the first half parts are combined, from the own one back to the next one's; then they are copied. */
    for (int round = 0; round < 2 * (size - 1) && !error; round++) {
        bool combine = round < size - 1;
        size_t give = (size_t)((rank - round + 2 * size) % size);
        size_t get = (give + (size_t)size - 1) % (size_t)size;
        size_t gives = each + (give < rest), gets = each + (get < rest);
        char *from = (char *)buffer +
                     (ptrdiff_t)(give * each + (give < rest ? give : rest)) * type->extent;
        char *to = (char *)buffer +
                   (ptrdiff_t)(get * each + (get < rest ? get : rest)) * type->extent;

        error = coll_sendrecv(from, gives, type, next, combine ? other.at : to, gets, type,
                              previous, TAG_ALLREDUCE, comm);
        if (!error && combine)
            error = op_reduce(op, other.at, to, gets, type);
    }
    scratch_drop(&other);
    return error;
}
