/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/bcast_scatter_allgather.c: the root sends each process a part, and the parts go round a ring (van de Geijn); for
 * long messages. Parts are of bytes: ranks agree on these, and on nothing else. A type with gaps is packed.
 *
 * Cost: (p + log2 p) alpha + 2 n beta, whatever p is.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int bcast_scatter_allgather(void *buffer, size_t count, struct datatype *type, int root,
                            struct comm *comm)
{
    size_t bytes = count * type->size, each = bytes / (size_t)comm->size;
    char *packed = type->dense ? NULL : memory_get_raw(bytes);
    char *data = packed ? packed : (char *)buffer + type->true_lb;
    size_t rest = bytes - each * (size_t)comm->size;
    struct blocks blocks = blocks_equal(data, each, &datatype_bytes);
    char *own = data + each * (size_t)comm->rank;
    int error;

    if (packed && comm->rank == root)
        datatype_pack(type, buffer, count, 0, packed, bytes);
    error = coll_scatter(data, each, &datatype_bytes, comm->rank == root ? IN_PLACE : own, each,
                         &datatype_bytes, root, comm);
    if (!error)
        error = allgather_ring(&blocks, comm);
    if (!error && rest)
        error = bcast_binomial(data + bytes - rest, rest, &datatype_bytes, root, comm);
    if (packed && comm->rank != root && !error)
        datatype_unpack(type, buffer, count, 0, packed, bytes);
    free(packed);
    return error;
}
