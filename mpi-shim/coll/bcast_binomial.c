/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast_binomial.c: down a binomial tree, the largest subtree first.
 *
 * Cost: ceil(log2 p) (alpha + n beta).
 */
#include "mpi-shim/coll/algorithms.h"

int bcast_tree(void *buffer, size_t count, struct datatype *type, int top,
               const struct ranks *among, struct comm *comm)
{
    int size = among->size, self = among->self;
    int relative = self - top + (self < top ? size : 0);
    int mask = 1, error;

    while (mask < size && !(relative & mask))
        mask <<= 1;
    if (mask < size) {
        int parent = self - mask;

        error = coll_recv(buffer, count, type, rank_at(among, parent < 0 ? parent + size : parent),
                          TAG_BCAST, comm);
        if (error)
            return error;
    }
    for (mask >>= 1; mask > 0; mask >>= 1) {
        int child = self + mask;

        if (relative + mask >= size)
            continue;
        error = coll_send(buffer, count, type, rank_at(among, child >= size ? child - size : child),
                          TAG_BCAST, comm);
        if (error)
            return error;
    }
    return 0;
}

int bcast_binomial(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    struct ranks all = ranks_all(comm);

    return bcast_tree(buffer, count, type, root, &all, comm);
}
