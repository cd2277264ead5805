/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/alltoall_bruck.c: in round k the blocks whose distance to their place has bit k set go 2^k further (Bruck et al.
 * 1997); for short blocks and many ranks.
 *
 * Cost: ceil(log2 p) (alpha + p n beta / 2), and each block copied some times.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>
#include <string.h>

int alltoall_bruck(const void *send, size_t send_count, struct datatype *send_type, void *recv,
                   size_t recv_count, struct datatype *recv_type, struct comm *comm)
{
    int size = comm->size, rank = comm->rank, error = 0;
    size_t block = send_count * send_type->size, room = block * (size_t)size;
    char *blocks = memory_get(3 * room + 1), *out = blocks + room, *in = out + room;

    /* Block i is for the one i further; at the end, from the one i before. */
    for (int i = 0; i < size; i++)
        datatype_pack(send_type,
                      (const char *)send +
                          (ptrdiff_t)send_count * ((rank + i) % size) * send_type->extent,
                      send_count, 0, blocks + block * (size_t)i, block);
    for (int bit = 1; bit < size && !error; bit <<= 1) {
        size_t length = 0;

        for (int i = bit; i < size; i++)
            if (i & bit) {
                memcpy(out + length, blocks + block * (size_t)i, block);
                length += block;
            }
        error = coll_sendrecv(out, length, &datatype_bytes, (rank + bit) % size, in, length,
                              &datatype_bytes, (rank - bit + size) % size, TAG_ALLTOALL, comm);
        length = 0;
        for (int i = bit; i < size; i++)
            if (i & bit) {
                memcpy(blocks + block * (size_t)i, in + length, block);
                length += block;
            }
    }
    for (int i = 0; i < size && !error; i++)
        datatype_unpack(recv_type,
                        (char *)recv +
                            (ptrdiff_t)recv_count * ((rank - i + size) % size) * recv_type->extent,
                        recv_count, 0, blocks + block * (size_t)i, block);
    free(blocks);
    return error;
}
