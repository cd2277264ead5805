/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/reduce_pipelined.c: everyone sends its operand to the root in pieces that need no rendezvous, and the root combines each piece
 * while the next ones arrive, still in its cache. Nobody but the root waits for anybody. For vectors of some pieces on one
 * node. Operands are combined from the highest rank down: any operation's order is kept.
 *
 * Cost: alpha + (p - 1) n (beta + gamma) at the root, as the linear one, but beta of one copy runs in the senders, at the same time.
 */
#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/scratch.h"

#include <stdlib.h>

/* A vector cut in pieces that travel with their envelopes. */
struct pieces {
    size_t count; /* elements of the whole */
    size_t each;  /* elements of a piece; of the last one maybe fewer */
    size_t number;
    struct datatype *type;
    ptrdiff_t apart; /* bytes from one rank's operand to the next */
};

static struct pieces pieces_of(size_t count, struct datatype *type)
{
    size_t number = count * type->size / core.eager + 1;
    struct pieces pieces = {.count = count, .type = type};

    number = number < count ? number : count;
    pieces.each = (count + number - 1) / number;
    pieces.number = (count + pieces.each - 1) / pieces.each;
    return pieces;
}

static size_t piece_count(const struct pieces *pieces, size_t piece)
{
    size_t first = piece * pieces->each;

    return pieces->count - first < pieces->each ? pieces->count - first : pieces->each;
}

static char *piece_at(const struct pieces *pieces, const void *buffer, size_t piece)
{
    return (char *)(uintptr_t)buffer + (ptrdiff_t)(piece * pieces->each) * pieces->type->extent;
}

/* Where the root receives a rank's operand: the highest rank's in the result, the others' one behind the other. */
static char *operand_of(int rank, const struct pieces *pieces, void *recv,
                        const struct scratch *others, struct comm *comm)
{
    if (rank == comm->size - 1)
        return recv;
    return others->at + pieces->apart * rank;
}

static int combine(const void *own, void *recv, const struct pieces *pieces,
                   const struct scratch *others, struct request **requests, struct op *op, int root,
                   struct comm *comm)
{
    struct datatype *type = pieces->type;
    int size = comm->size, next = 0, error = 0;

    for (size_t piece = 0; piece < pieces->number; piece++) {
        char *result = piece_at(pieces, recv, piece);
        size_t count = piece_count(pieces, piece);

        for (int rank = size - 1; rank >= 0; rank--) {
            const char *operand = own;
            int waited = 0;

            if (rank != root) {
                waited = coll_waitall(1, &requests[next++]);
                operand = operand_of(rank, pieces, recv, others, comm);
            }
            error = error ? error : waited;
            operand = piece_at(pieces, operand, piece);
            if (error || operand == result)
                continue;
            if (rank == size - 1)
                datatype_copy(type, result, operand, count);
            else
                error = op_reduce(op, operand, result, count, type);
        }
    }
    return error;
}

static int receive_and_combine(const void *own, void *recv, struct pieces *pieces, struct op *op,
                               int root, struct comm *comm)
{
    struct request **requests = memory_get_raw(pieces->number * (size_t)comm->size *
                                               sizeof(struct request *));
    int started = 0, error = 0, combined;
    struct scratch others;

    scratch_take_operands(&others, pieces->type, pieces->count, (size_t)comm->size - 1,
                          &pieces->apart);
    for (size_t piece = 0; piece < pieces->number && !error; piece++)
        for (int rank = comm->size - 1; rank >= 0 && !error; rank--)
            if (rank != root)
                error = coll_recv_start(
                    piece_at(pieces, operand_of(rank, pieces, recv, &others, comm), piece),
                    piece_count(pieces, piece), pieces->type, rank, TAG_REDUCE, comm,
                    &requests[started++]);
    combined = error ? coll_waitall(started, requests)
                     : combine(own, recv, pieces, &others, requests, op, root, comm);
    scratch_drop(&others);
    free(requests);
    return error ? error : combined;
}

int reduce_pipelined(const void *send, void *recv, size_t count, struct datatype *type,
                     struct op *op, int root, struct comm *comm)
{
    struct pieces pieces = pieces_of(count, type);
    struct scratch own;
    int error = 0;

    if (comm->rank != root) {
        for (size_t piece = 0; piece < pieces.number && !error; piece++)
            error = coll_send(piece_at(&pieces, send, piece), piece_count(&pieces, piece), type,
                              root, TAG_REDUCE, comm);
        return error;
    }
    /* In place, the highest rank's operand would come where the own one is. */
    if (send == IN_PLACE && root == comm->size - 1)
        return receive_and_combine(recv, recv, &pieces, op, root, comm);
    if (send != IN_PLACE)
        return receive_and_combine(send, recv, &pieces, op, root, comm);
    scratch_take(&own, type, count);
    datatype_copy(type, own.at, recv, count);
    error = receive_and_combine(own.at, recv, &pieces, op, root, comm);
    scratch_drop(&own);
    return error;
}
