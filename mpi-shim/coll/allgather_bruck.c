/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allgather_bruck.c: in round k a process gets up to 2^k blocks from the one 2^k further (Bruck et al. 1997):
 * ceil(log2 n) rounds, for short blocks. Blocks are collected from our own on, then turned into place.
 *
 * Cost: ceil(log2 p) alpha + (p - 1) n beta, and each block copied twice.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/tags.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>
#include <string.h>

int allgather_bruck(void *recv, size_t count, struct datatype *type, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, error = 0;
    size_t block = count * type->size;
    char *all = memory_get(block * (size_t)size);

    datatype_pack(type, (char *)recv + (ptrdiff_t)count * rank * type->extent, count, 0, all,
                  block);
    for (int have = 1; have < size && !error; have *= 2) {
        int some = have < size - have ? have : size - have;
        int to = rank - have, from = rank + have;

        error = coll_sendrecv(all, block * (size_t)some, &datatype_bytes, to < 0 ? to + size : to,
                              all + block * (size_t)have, block * (size_t)some, &datatype_bytes,
                              from >= size ? from - size : from, TAG_ALLGATHER, comm);
    }
    for (int i = 1; i < size && !error; i++) {
        int owner = rank + i >= size ? rank + i - size : rank + i;

        datatype_unpack(type, (char *)recv + (ptrdiff_t)count * owner * type->extent, count, 0,
                        all + block * (size_t)i, block);
    }
    free(all);
    return error;
}
