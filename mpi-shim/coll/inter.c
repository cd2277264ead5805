/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/inter.c: the forms that collective operations have on inter-communicators (MPI 3.1 section 5.2.3).
 *
 * What a group does by itself it does on `local`; rank 0 of each group speaks with that of the other. In rooted
 * operations the root is ROOT, the others of its group are PROC_NULL and take no part, and the other group names the root's
 * rank. Nothing is done in place.
 */
#include <stdlib.h>

#include "mpi-shim/coll/algorithms.h"
#include "mpi-shim/coll/inter.h"
#include "mpi-shim/coll/scratch.h"

int inter_barrier(struct comm *comm)
{
    int error = coll_barrier(comm->local);

    if (!error && comm->rank == 0)
        error = coll_sendrecv(NULL, 0, &datatype_bytes, 0, NULL, 0, &datatype_bytes, 0, TAG_BARRIER,
                              comm);
    return error ? error : coll_barrier(comm->local);
}

int inter_bcast(void *buffer, size_t count, struct datatype *type, int root, struct comm *comm)
{
    int error = 0;

    if (root == PROC_NULL)
        return 0;
    if (root == ROOT)
        return coll_send(buffer, count, type, 0, TAG_BCAST, comm);
    if (comm->rank == 0)
        error = coll_recv(buffer, count, type, root, TAG_BCAST, comm);
    return error ? error : coll_bcast(buffer, count, type, 0, comm->local);
}

/* ---- reductions --------------------------------------------------------------------------------- */

int inter_reduce(const void *send, void *recv, size_t count, struct datatype *type, struct op *op,
                 int root, struct comm *comm)
{
    struct scratch result;
    int error;

    if (root == PROC_NULL || count == 0)
        return 0;
    if (root == ROOT)
        return coll_recv(recv, count, type, 0, TAG_REDUCE, comm);
    scratch_take(&result, type, comm->rank == 0 ? count : 0);
    error = coll_reduce(send, result.at, count, type, op, 0, comm->local);
    if (!error && comm->rank == 0)
        error = coll_send(result.at, count, type, root, TAG_REDUCE, comm);
    scratch_drop(&result);
    return error;
}

/* Rank 0 gets the other group's result in `recv`. */
static int reduce_across(const void *send, void *recv, size_t count, struct datatype *type,
                         struct op *op, int tag, struct comm *comm)
{
    struct scratch own;
    int error;

    scratch_take(&own, type, comm->rank == 0 ? count : 0);
    error = coll_reduce(send, own.at, count, type, op, 0, comm->local);
    if (!error && comm->rank == 0)
        error = coll_sendrecv(own.at, count, type, 0, recv, count, type, 0, tag, comm);
    scratch_drop(&own);
    return error;
}

/* A group's result goes to the other group. */
int inter_allreduce(const void *send, void *recv, size_t count, struct datatype *type,
                    struct op *op, struct comm *comm)
{
    int error;

    if (count == 0)
        return 0;
    error = reduce_across(send, recv, count, type, op, TAG_ALLREDUCE, comm);
    return error ? error : coll_bcast(recv, count, type, 0, comm->local);
}

/* The other group's result is scattered here; both have as many elements. */
static int reduce_scatter(const void *send, void *recv, const int *counts, size_t each,
                          struct datatype *type, struct op *op, struct comm *comm)
{
    size_t total = 0;
    struct scratch result;
    int error;

    for (int i = 0; i < comm->size; i++)
        total += counts ? (size_t)counts[i] : each;
    scratch_take(&result, type, comm->rank == 0 ? total : 0);
    error = reduce_across(send, result.at, total, type, op, TAG_REDUCE_SCATTER, comm);
    if (!error)
        error = scatter_parts(result.at, counts, each, type, recv, comm->local);
    scratch_drop(&result);
    return error;
}

int inter_reduce_scatter(const void *send, void *recv, const int *counts, struct datatype *type,
                         struct op *op, struct comm *comm)
{
    return reduce_scatter(send, recv, counts, 0, type, op, comm);
}

int inter_reduce_scatter_block(const void *send, void *recv, size_t count, struct datatype *type,
                               struct op *op, struct comm *comm)
{
    return reduce_scatter(send, recv, NULL, count, type, op, comm);
}

/* ---- blocks ------------------------------------------------------------------------------------- */

int inter_gather(const struct block *send, const struct blocks *recv, int root, struct comm *comm)
{
    struct request **requests;
    int error;

    if (root == PROC_NULL)
        return 0;
    if (root != ROOT)
        return coll_send(send->at, send->count, send->type, root, TAG_GATHER, comm);
    requests = memory_get((size_t)comm->peers * sizeof(struct request *));
    for (int i = 0; i < comm->peers; i++) {
        struct block block = block_of(recv, i);

        coll_recv_start(block.at, block.count, block.type, i, TAG_GATHER, comm, &requests[i]);
    }
    error = coll_waitall(comm->peers, requests);
    free(requests);
    return error;
}

int inter_scatter(const struct blocks *send, const struct block *recv, int root, struct comm *comm)
{
    int error = 0;

    if (root == PROC_NULL)
        return 0;
    if (root != ROOT)
        return coll_recv(recv->at, recv->count, recv->type, root, TAG_SCATTER, comm);
    for (int i = 0; i < comm->peers && !error; i++) {
        struct block block = block_of(send, i);

        error = coll_send(block.at, block.count, block.type, i, TAG_SCATTER, comm);
    }
    return error;
}

/* In round k rank r of one group sends to r + k of the other one. The smaller group is thought to have as many ranks as
 * the larger one; nothing is sent to or received from those that there are not. */
static int exchange(const struct blocks *out, const struct blocks *in, int tag, struct comm *comm)
{
    int ranks = comm->size > comm->peers ? comm->size : comm->peers, error = 0;

    for (int round = 0; round < ranks && !error; round++) {
        int to = (comm->rank + round) % ranks, from = (comm->rank - round + ranks) % ranks;
        struct request *request;
        struct block block;
        int waited = 0;

        if (from < comm->peers) {
            block = block_of(in, from);
            coll_recv_start(block.at, block.count, block.type, from, tag, comm, &request);
        }
        if (to < comm->peers) {
            block = block_of(out, to);
            error = coll_send(block.at, block.count, block.type, to, tag, comm);
        }
        if (from < comm->peers)
            waited = coll_waitall(1, &request);
        error = error ? error : waited;
    }
    return error;
}

int inter_allgather(const struct block *send, const struct blocks *recv, struct comm *comm)
{
    struct blocks out = blocks_equal(send->at, send->count, send->type);

    out.one = true;
    return exchange(&out, recv, TAG_ALLGATHER, comm);
}

int inter_alltoall(const struct blocks *send, const struct blocks *recv, struct comm *comm)
{
    return exchange(send, recv, TAG_ALLTOALL, comm);
}
