/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_halving.c: for long vectors: a reduce-scatter by recursive halving, then an allgather by recursive
 * doubling (Rabenseifner 2004). Each process sends and receives about two vectors, whatever their number. The operation
 * has to commute, and there have to be as many elements as processes, so that no range is empty.
 *
 * Cost: 2 log2 p alpha + 2 n beta + n gamma.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"
#include "mpi-shim/coll/tags.h"

struct range {
    size_t first;
    size_t count;
};

int allreduce_halving(void *buffer, size_t count, struct datatype *type, struct op *op,
                      struct comm *comm)
{
    int size = comm->size, rank = comm->rank, power = 1, extra, position, rounds = 0, error = 0;
    struct scratch other;
    struct range kept[32];
    char *data = buffer;

    while (2 * power <= size)
        power *= 2;
    extra = size - power;
    scratch_take(&other, type, count);

    if (rank >= 2 * extra) {
        position = rank - extra;
    } else if (rank & 1) {
        position = rank / 2;
        error = coll_recv(other.at, count, type, rank - 1, TAG_ALLREDUCE, comm);
        if (!error)
            error = op_reduce(op, other.at, data, count, type);
    } else {
        position = -1;
        error = coll_send(data, count, type, rank + 1, TAG_ALLREDUCE, comm);
    }

    /* Halve the range: send the half that the partner keeps, and combine ours. */
    kept[0] = (struct range){0, count};
    for (int mask = power / 2; position >= 0 && mask > 0 && !error; mask >>= 1) {
        int partner = position ^ mask;
        int peer = partner < extra ? 2 * partner + 1 : partner + extra;
        struct range whole = kept[rounds];
        struct range low = {whole.first, whole.count / 2};
        struct range high = {whole.first + low.count, whole.count - low.count};
        struct range keep = position & mask ? high : low, give = position & mask ? low : high;
        ptrdiff_t at = (ptrdiff_t)keep.first * type->extent;

        error = coll_sendrecv(data + (ptrdiff_t)give.first * type->extent, give.count, type, peer,
                              other.at + at, keep.count, type, peer, TAG_ALLREDUCE, comm);
        if (!error && keep.count > 0)
            error = op_reduce(op, other.at + at, data + at, keep.count, type);
        kept[++rounds] = keep;
    }
    /* And back: exchange the finished ranges. */
    for (int mask = 1; position >= 0 && mask < power && !error; mask <<= 1, rounds--) {
        int partner = position ^ mask;
        int peer = partner < extra ? 2 * partner + 1 : partner + extra;
        struct range have = kept[rounds], whole = kept[rounds - 1];
        struct range need = {position & mask ? whole.first : have.first + have.count,
                             whole.count - have.count};

        error = coll_sendrecv(data + (ptrdiff_t)have.first * type->extent, have.count, type, peer,
                              data + (ptrdiff_t)need.first * type->extent, need.count, type, peer,
                              TAG_ALLREDUCE, comm);
    }
    if (rank < 2 * extra && !error) {
        if (rank & 1)
            error = coll_send(buffer, count, type, rank - 1, TAG_ALLREDUCE, comm);
        else
            error = coll_recv(buffer, count, type, rank + 1, TAG_ALLREDUCE, comm);
    }
    scratch_drop(&other);
    return error;
}
