/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/allreduce_doubling.c: recursive doubling: in each round a process exchanges what it has with the one at twice
 * the distance. Hot: streams of tiny reductions are Time Warp's virtual time.
 *
 * Where the number of ranks is no power of two, the first ranks are joined in pairs beforehand: the even one
 * hands its operand to the odd one and gets the result at the end. What a process holds is always the result over a range of
 * ranks, and is combined in their order, so the operation need not commute.
 *
 * Two ranks need no room and no copy.
 *
 * Cost: log2 p (alpha + n beta + n gamma), and two messages more where p is no power of two.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"
#include "mpi-shim/coll/tags.h"

/* Each sends what the program gave and gets the other's operand where the result belongs: no copy. Both come to the same
 * bits, for `op` is symmetric. */
static int exchange_straight(const void *send, void *buffer, size_t count, struct datatype *type,
                             struct op *op, int peer, struct comm *comm)
{
    int error = coll_sendrecv(send, count, type, peer, buffer, count, type, peer, TAG_ALLREDUCE,
                              comm);

    return error ? error : op_reduce(op, send, buffer, count, type);
}

int allreduce_doubling(const void *send, void *buffer, size_t count, struct datatype *type,
                       struct op *op, const struct ranks *among, struct comm *comm)
{
    int size = among->size, rank = among->self, power = 1, extra, position, error = 0;
    struct scratch other;
    char *mine = buffer, *received;

    if (size == 2 && send != IN_PLACE && op_symmetric(op, type))
        return exchange_straight(send, buffer, count, type, op, rank_at(among, !rank), comm);
    if (send != IN_PLACE)
        datatype_copy(type, buffer, send, count);
    while (2 * power <= size)
        power *= 2;
    extra = size - power;
    scratch_take(&other, type, count);
    received = other.at;

    if (rank >= 2 * extra) {
        position = rank - extra;
    } else if (rank & 1) {
        position = rank / 2;
        error = coll_recv(received, count, type, rank_at(among, rank - 1), TAG_ALLREDUCE, comm);
        if (!error)
            error = op_reduce(op, received, mine, count, type);
    } else {
        position = -1;
        error = coll_send(mine, count, type, rank_at(among, rank + 1), TAG_ALLREDUCE, comm);
    }
    for (int mask = 1; position >= 0 && mask < power && !error; mask <<= 1) {
        int partner = position ^ mask;
        int peer = rank_at(among, partner < extra ? 2 * partner + 1 : partner + extra);

        error = coll_sendrecv(mine, count, type, peer, received, count, type, peer, TAG_ALLREDUCE,
                              comm);
        if (error)
            break;
        if (partner < position || op_symmetric(op, type)) {
            error = op_reduce(op, received, mine, count, type);
        } else {
            char *combined = received;

            error = op_reduce(op, mine, received, count, type);
            received = mine;
            mine = combined;
        }
    }
    if (!error && mine != buffer)
        datatype_copy(type, buffer, mine, count);
    if (rank < 2 * extra && !error) {
        if (rank & 1)
            error = coll_send(buffer, count, type, rank_at(among, rank - 1), TAG_ALLREDUCE, comm);
        else
            error = coll_recv(buffer, count, type, rank_at(among, rank + 1), TAG_ALLREDUCE, comm);
    }
    scratch_drop(&other);
    return error;
}
