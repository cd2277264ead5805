/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/scatter_binomial.c: down a binomial tree, the blocks of a subtree in one message; for short blocks and many ranks.
 * Blocks are packed, and lie in the order of ranks from the root on.
 *
 * Cost: ceil(log2 p) alpha + (p - 1) n beta.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int scatter_binomial(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                     size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    int size = comm->size, relative = comm->rank - root + (comm->rank < root ? size : 0);
    bool top = relative == 0;
    size_t block = top ? send_count * send_type->size : recv_count * recv_type->size;
    char *all = memory_get(block * (size_t)size + 1);
    int mask = 1, error = 0;

    for (int i = 0; top && i < size; i++)
        datatype_pack(send_type,
                      (const char *)send +
                          (ptrdiff_t)send_count * ((root + i) % size) * send_type->extent,
                      send_count, 0, all + block * (size_t)i, block);
    while (mask < size && !(relative & mask))
        mask <<= 1;
    if (!top) {
        int some = size - relative < mask ? size - relative : mask;

        error = coll_recv(all, block * (size_t)some, &datatype_bytes,
                          (relative - mask + root) % size, TAG_SCATTER, comm);
    }
    for (mask >>= 1; mask > 0 && !error; mask >>= 1) {
        int some = size - relative - mask < mask ? size - relative - mask : mask;

        if (some > 0)
            error = coll_send(all + block * (size_t)mask, block * (size_t)some, &datatype_bytes,
                              (relative + mask + root) % size, TAG_SCATTER, comm);
    }
    if (recv != IN_PLACE && !error)
        datatype_unpack(recv_type, recv, recv_count, 0, all, block);
    free(all);
    return error;
}
