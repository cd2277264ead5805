/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/gather_binomial.c: up a binomial tree, the blocks of a subtree in one message; for short blocks of one size and many
 * ranks. Blocks are packed, and lie in the order of ranks from the root on.
 *
 * Cost: ceil(log2 p) alpha + (p - 1) n beta.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int gather_binomial(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                    size_t recv_count, struct datatype *recv_type, int root, struct comm *comm)
{
    int size = comm->size, relative = comm->rank - root + (comm->rank < root ? size : 0);
    bool top = relative == 0;
    size_t block = top ? recv_count * recv_type->size : send_count * send_type->size;
    char *all = memory_get(block * (size_t)size + 1);
    int have = 1, error = 0;

    if (send != IN_PLACE)
        datatype_pack(send_type, send, send_count, 0, all, block);
    for (int mask = 1; mask < size && !error; mask <<= 1) {
        int some = size - relative - mask < mask ? size - relative - mask : mask;

        if (relative & mask) {
            error = coll_send(all, block * (size_t)have, &datatype_bytes,
                              (relative - mask + root) % size, TAG_GATHER, comm);
            break;
        }
        if (some <= 0)
            continue;
        error = coll_recv(all + block * (size_t)mask, block * (size_t)some, &datatype_bytes,
                          (relative + mask + root) % size, TAG_GATHER, comm);
        have += some;
    }
    for (int i = send == IN_PLACE; top && i < size && !error; i++)
        datatype_unpack(recv_type,
                        (char *)recv +
                            (ptrdiff_t)recv_count * ((root + i) % size) * recv_type->extent,
                        recv_count, 0, all + block * (size_t)i, block);
    free(all);
    return error;
}
