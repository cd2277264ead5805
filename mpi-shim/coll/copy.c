/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/copy.c: copies that a process makes of what it has, for itself and for several. Hot: own_block, which a rooted operation does
 * once a call.
 */
#include "mpi-shim/coll/copy.h"
#include "mpi-shim/core/memory.h"

#include <stdlib.h>

int block_copy(const void *from, size_t from_count, const struct datatype *from_type, void *to,
               size_t to_count, const struct datatype *to_type)
{
    size_t sent = from_count * from_type->size, room = to_count * to_type->size;
    size_t length = sent < room ? sent : room;
    char *packed;

    if (from_type == to_type && from_count <= to_count) {
        datatype_copy(from_type, to, from, from_count);
    } else if (to_type->dense) {
        datatype_pack(from_type, from, from_count, 0, (char *)to + to_type->true_lb, length);
    } else if (from_type->dense) {
        datatype_unpack(to_type, to, to_count, 0, (const char *)from + from_type->true_lb, length);
    } else {
        packed = memory_get_raw(length ? length : 1);
        datatype_pack(from_type, from, from_count, 0, packed, length);
        datatype_unpack(to_type, to, to_count, 0, packed, length);
        free(packed);
    }
    return likely(sent == room) ? 0 : sent > room ? ERR_TRUNCATE : ERR_COUNT;
}

int own_block(const struct block *from, const struct block *to, int tag, struct comm *comm)
{
    size_t length = from->count * from->type->size;

    if (unlikely(length != to->count * to->type->size))
        return coll_sendrecv(from->at, from->count, from->type, comm->rank, to->at, to->count,
                             to->type, comm->rank, tag, comm);
    if (length == 0 || (from->at == to->at && from->type == to->type))
        return 0; /* nothing, or it is in its place */
    return block_copy(from->at, from->count, from->type, to->at, to->count, to->type);
}

int exchange_with_other(const struct block *out, const struct block *in, const struct block *from,
                        const struct block *to, int tag, struct comm *comm)
{
    int other = !comm->rank, error, own, sent = 0;
    struct request *receive, *send;

    if (likely(out->count * out->type->size <= core.eager)) {
        error = coll_sendrecv(out->at, out->count, out->type, other, in->at, in->count, in->type,
                              other, tag, comm);
        own = own_block(from, to, tag, comm);
    } else {
        coll_recv_start(in->at, in->count, in->type, other, tag, comm, &receive);
        coll_send_start(out->at, out->count, out->type, other, tag, comm, &send);
        error = coll_waitall(1, &receive);
        own = own_block(from, to, tag, comm); /* the other may still be copying ours */
        sent = coll_waitall(1, &send);
    }
    return error ? error : own ? own : sent;
}

struct shared shared_begin(const void *buffer, size_t count, struct datatype *type,
                           const struct comm *comm)
{
    size_t bytes = count * type->size;
    void *copy = NULL;

    if (bytes > core.eager && comm->one_node && comm->size > 2) {
        core_lock();
        copy = am_segment_take(core.am, bytes);
        core_unlock();
    }
    if (!copy)
        return (struct shared){.buffer = buffer, .count = count, .type = type};
    datatype_pack(type, buffer, count, 0, copy, bytes);
    return (struct shared){.buffer = copy, .count = bytes, .type = &datatype_bytes, .copied = true};
}

void shared_end(const struct shared *shared)
{
    if (!shared->copied)
        return;
    core_lock();
    am_segment_give(core.am);
    core_unlock();
}
